terraform {
  required_version = ">= 1.9" # for validations that refer to another variable

  required_providers {
    # tflint-ignore: terraform_unused_required_providers # the modules use it; stated here for callers of the root module
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
