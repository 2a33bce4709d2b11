terraform {
  required_version = ">= 1.9"

  required_providers {
    aws = {
      source = "hashicorp/aws"
      # 6.29.0 crashes on an index in a dynamic block (hashicorp/terraform-provider-aws issue 46192). From there to 6.40.0 it can't plan
      # an index whose sort key is "", in the configuration or the state (issues 46285, 46322, 46606). Fixed in 6.41.0 (47427).
      version = ">= 5.100.0, != 6.29.0, != 6.30.0, != 6.31.0, != 6.32.0, != 6.32.1, != 6.33.0, != 6.34.0, != 6.35.0, != 6.35.1, != 6.36.0, != 6.37.0, != 6.38.0, != 6.39.0, != 6.40.0, < 7.0.0"
    }
  }
}
