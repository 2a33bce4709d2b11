# A table whose items carry a connectionId. Its keys are read from the table itself, so that a plan finds out what would fail at night.
#
# What it must be is asked in outputs.tf: see modules/connections-table.

data "aws_dynamodb_table" "this" {
  name = var.name
}

locals {
  table = data.aws_dynamodb_table.this
}
