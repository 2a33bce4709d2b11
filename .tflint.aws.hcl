# The AWS rules: `tflint --init --config .tflint.aws.hcl` downloads them.

config {
  call_module_type = "local"
}

plugin "aws" {
  enabled = true
  version = "0.44.0"
  source  = "github.com/terraform-linters/tflint-ruleset-aws"
}
