# A table whose items contain a connectionId. Its keys are read from the table itself, so the plan finds what would fail later.
#
# The conditions are in outputs.tf: see modules/connections-table.

data "aws_dynamodb_table" "this" {
  name = var.name
}

locals {
  table = data.aws_dynamodb_table.this
}
