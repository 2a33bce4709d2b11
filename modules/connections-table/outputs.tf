output "name" {
  description = "Name of the table."
  value       = var.name

  precondition {
    condition     = alltrue([for table in aws_dynamodb_table.this : table.name == var.name])
    error_message = "Table ${join("", aws_dynamodb_table.this[*].name)} can't be renamed to ${var.name}: an empty table would replace it. Keep the name, or remove the old table from the state: run terraform state rm with its address as shown by terraform state list (….module.connections_table.aws_dynamodb_table.this[0]). The old table then stays in the account, and the next apply creates ${var.name}."
  }

  precondition {
    condition = alltrue([
      for table in local.brought[*] :
      table.hash_key == "connectionId"
      && try(length(table.range_key), 0) == 0
      && contains([for a in table.attribute : "${a.name} ${a.type}"], "connectionId S")
    ])
    error_message = "Table ${var.name} must have the partition key connectionId (String) and no sort key. Its partition key is ${try(local.brought.hash_key, "-")}, its sort key ${try(length(local.brought.range_key), 0) == 0 ? "none" : local.brought.range_key}. Use a table with that key, or let this module create one (create = true)."
  }
}

output "arn" {
  description = "ARN of the table."
  value       = local.arn
}

output "client_index_arn" {
  description = "ARN of the index on clientId. null without the index."
  value       = var.client_index == null ? null : "${local.arn}/index/${var.client_index}"

  precondition {
    condition = var.client_index == null || alltrue([
      for table in local.brought[*] :
      anytrue([
        for i in table.global_secondary_index : i.name == var.client_index && i.hash_key == "clientId" && i.range_key == "connectedAt" && length(setsubtract(["clientId S", "connectedAt N"], [for a in table.attribute : "${a.name} ${a.type}"])) == 0 && (
          i.projection_type == "ALL" || length(setsubtract(local.projected, coalesce(i.non_key_attributes, []))) == 0
        )
      ])
    ])
    error_message = "Table ${var.name} has no global secondary index ${coalesce(var.client_index, "-")} with the partition key clientId (String), the sort key connectedAt (Number) and the attributes ${join(", ", local.projected)}. Add the index to the table, or set client_index to the index that the table has."
  }
}

output "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table. null for a key that DynamoDB owns."
  value       = var.create ? var.kms_key_arn : local.brought_key
}
