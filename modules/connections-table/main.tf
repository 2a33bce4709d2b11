# One item per open connection. The table is created here, or an existing one is used. The outputs are the same.

locals {
  # Attributes by which a client's other connections are judged.
  projected = ["apiId", "expiresAt", "lastSeenAt", "stage"]
}

resource "aws_dynamodb_table" "this" {
  #checkov:skip=CKV_AWS_119:The default is DynamoDB's own key; kms_key_arn brings the customer's
  #checkov:skip=CKV_AWS_28:Point-in-time recovery is on by default; only the caller turns it off
  count = var.create ? 1 : 0

  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "connectionId"
  deletion_protection_enabled = var.deletion_protection
  tags                        = var.tags

  attribute {
    name = "connectionId"
    type = "S"
  }

  dynamic "attribute" {
    for_each = var.client_index == null ? {} : { clientId = "S", connectedAt = "N" }

    content {
      name = attribute.key
      type = attribute.value
    }
  }

  # From 6.29 on, the provider warns that key_schema replaces hash_key and range_key in an index. Earlier versions do not have key_schema.
  dynamic "global_secondary_index" {
    for_each = var.client_index[*]

    content {
      name               = global_secondary_index.value
      hash_key           = "clientId"
      range_key          = "connectedAt"
      projection_type    = "INCLUDE"
      non_key_attributes = local.projected
    }
  }

  ttl {
    attribute_name = "expiresAt"
    enabled        = true
  }

  # Records live for hours and are personal data, so one day, the shortest period that AWS offers, is enough. AWS's default is 35.
  point_in_time_recovery {
    enabled                 = var.point_in_time_recovery
    recovery_period_in_days = var.point_in_time_recovery ? 1 : null
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

# Its conditions are in outputs.tf. If the data source had them itself, Terraform would read it only during the apply whenever a resource that
# the module's inputs refer to changes, and a wrong name would be found only then.
data "aws_dynamodb_table" "this" {
  count = var.create ? 0 : 1

  name = var.name
}

locals {
  brought = one(data.aws_dynamodb_table.this)
  arn     = one(concat(aws_dynamodb_table.this[*].arn, local.brought[*].arn))

  # If the table is read only during the apply, the plan sees an empty list of keys instead of an unknown one. The ARN is unknown, which makes this
  # unknown, too.
  brought_key = one([for table in local.brought[*] : table.arn == "" ? "" : one(compact(table.server_side_encryption[*].kms_key_arn))])
}
