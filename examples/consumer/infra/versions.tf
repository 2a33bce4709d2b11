terraform {
  required_version = ">= 1.10" # older versions ignore use_lockfile, so there would be no lock

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }

  # Used by the pipeline that applies. A plan in CI does not need it.
  backend "s3" {
    key          = "chat/connections.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

provider "aws" {}
