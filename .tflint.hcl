# Every rule of the ruleset that comes with tflint; .tflint.aws.hcl adds the AWS rules where they can be downloaded.

config {
  call_module_type = "local"
}

plugin "terraform" {
  enabled = true
  preset  = "all"
}
