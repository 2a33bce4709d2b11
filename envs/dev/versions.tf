terraform {
  required_version = ">= 1.10" # older versions ignore use_lockfile, so there would be no lock

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.100.0, < 7.0.0"
    }
  }

  # Set bucket and region once: terraform init -backend-config=bucket=… -backend-config=region=…
  backend "s3" {
    key          = "websocket-connections/dev.tfstate"
    encrypt      = true
    use_lockfile = true
  }
}

# Region and credentials come from the environment (AWS_REGION, AWS_PROFILE …).
provider "aws" {
  default_tags {
    tags = {
      Service     = "websocket-connections"
      Environment = "dev"
      ManagedBy   = "terraform"
    }
  }
}
