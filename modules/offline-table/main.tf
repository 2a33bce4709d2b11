# One item per client that had no connection in the last two days: when its last one ended, and the id of the announcement.

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:The default is DynamoDB's own key; kms_key_arn brings the customer's
  #checkov:skip=CKV_AWS_28:Items live for two days, and nobody restores them
  name         = var.name
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "clientId"
  tags         = var.tags

  attribute {
    name = "clientId"
    type = "S"
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }
}
