terraform {
  required_version = ">= 1.9" # a validation that looks at another variable

  required_providers {
    # tflint-ignore: terraform_unused_required_providers # the modules use it; here it is stated for whoever calls the root
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }
}
