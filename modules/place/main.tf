# Passes names on only if the provider is in the API's region and account. Every resource with a name waits for this, even if the same apply creates
# the API. So a wrong provider creates nothing.

data "aws_caller_identity" "provider" {}

# outputs.tf reads its endpoint, because only provider 6 has `region`, and there `name` and later `id` are deprecated.
data "aws_region" "provider" {}

locals {
  region  = split(":", var.execution_arn)[3]
  account = split(":", var.execution_arn)[4]
}
