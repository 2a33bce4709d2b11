# One item per open connection. The table is either created here or an existing one; the outputs are the same.

locals {
  # What tells, without asking anybody, whether a client's other connection may be judged at all.
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

  # From 6.29 on the provider warns that key_schema replaces hash_key and range_key in an index; before that it knows only these two.
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

  # What lived for hours only is of use for hours only, and personal data: a day, the shortest that AWS knows, and not 35.
  point_in_time_recovery {
    enabled                 = var.point_in_time_recovery
    recovery_period_in_days = var.point_in_time_recovery ? 1 : null
  }

  server_side_encryption {
    enabled     = var.kms_key_arn != null
    kms_key_arn = var.kms_key_arn
  }

  # Another name would be another table: outputs.tf refuses it, before anything is touched.
  lifecycle {
    ignore_changes = [name]
  }
}

# What it must be is asked in outputs.tf: with conditions of its own a data source would be read at apply, and a wrong name found only
# there, whenever anything upstream of the module's inputs changes.
data "aws_dynamodb_table" "this" {
  count = var.create ? 0 : 1

  name = var.name
}

locals {
  brought = one(data.aws_dynamodb_table.this)
  arn     = one(concat(aws_dynamodb_table.this[*].arn, local.brought[*].arn))

  # Before a read that waits for the apply, the list of keys is empty instead of unknown. The ARN is unknown, and so is this with it.
  brought_key = one([for table in local.brought[*] : table.arn == "" ? "" : one(compact(table.server_side_encryption[*].kms_key_arn))])
}
