# Hands names on once it is known that whatever bears them is made where the API is. Everything that has a name waits for this, also where
# the API is made by the same apply: a wrong provider makes nothing.

data "aws_caller_identity" "provider" {}

# Its endpoint, since only provider 6 has `region`, and there `name` and later `id` are deprecated.
data "aws_region" "provider" {}

locals {
  region  = split(":", var.execution_arn)[3]
  account = split(":", var.execution_arn)[4]
}
