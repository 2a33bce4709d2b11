output "setting" {
  description = "The table's element in the functions' environment variable RELATED_TABLES."
  value = {
    table     = var.name
    attribute = var.connection_id_attribute
    index     = var.index
    keys      = compact([local.table.hash_key, local.table.range_key])
  }

  precondition {
    condition     = var.index != null || local.table.hash_key == var.connection_id_attribute
    error_message = "The partition key of table ${var.name} is ${local.table.hash_key}, not ${var.connection_id_attribute}. Correct connection_id_attribute, or set index to the name of an index with that partition key."
  }

  precondition {
    condition = var.index == null || anytrue([
      for index in local.table.global_secondary_index : index.name == var.index && index.hash_key == var.connection_id_attribute
    ])
    error_message = "Table ${var.name} has no global secondary index ${coalesce(var.index, "-")} with the partition key ${var.connection_id_attribute}. It has: ${join(", ", [for index in local.table.global_secondary_index : "${index.name} (${index.hash_key})"])}."
  }

  precondition {
    condition     = contains([for a in local.table.attribute : "${a.name} ${a.type}"], "${var.connection_id_attribute} S")
    error_message = "The attribute ${var.connection_id_attribute} of table ${var.name} must be a key of type String (S), since connection ids are strings."
  }
}

output "arn" {
  description = "ARN of the table."
  value       = local.table.arn
}

output "query_arn" {
  description = "ARN of the index, or of the table without an index, for dynamodb:Query."
  value       = join("/index/", compact([local.table.arn, var.index]))
}

output "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table. null for a key that DynamoDB owns."
  value       = local.table.arn == "" ? "" : one(compact(local.table.server_side_encryption[*].kms_key_arn)) # see modules/connections-table
}
