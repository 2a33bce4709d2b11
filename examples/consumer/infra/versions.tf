terraform {
  required_version = ">= 1.10" # older ones take no notice of use_lockfile: no lock at all

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }

  # Asked by your pipeline that applies; a plan in CI does without it.
  backend "s3" {
    key          = "chat/connections.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {}
