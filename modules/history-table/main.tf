# One item per ended connection, found by its client and the time it ended.

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:The default is DynamoDB's own key; kms_key_arn brings the customer's
  #checkov:skip=CKV_AWS_28:Point-in-time recovery is on by default; only the caller turns it off
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "connectionId"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  dynamic "attribute" {
    for_each = { connectionId = "S", clientId = "S", endedAt = "N" }

    content {
      name = attribute.key
      type = attribute.value
    }
  }

  # From 6.29 on, the provider warns that key_schema replaces hash_key and range_key in an index. Earlier versions do not have key_schema.
  global_secondary_index {
    name            = "byClient"
    hash_key        = "clientId"
    range_key       = "endedAt"
    projection_type = "ALL"
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = var.point_in_time_recovery
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  # Another name would mean another table. outputs.tf refuses it before anything changes.
  lifecycle {
    ignore_changes = [name]
  }
}
