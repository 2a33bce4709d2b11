output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name

  precondition {
    condition     = aws_dynamodb_table.this.name == var.name
    error_message = "Table ${aws_dynamodb_table.this.name} can't be renamed to ${var.name}: an empty table would replace it. Keep the name with history = { table_name = \"${aws_dynamodb_table.this.name}\" }, or remove the old table from the state: run terraform state rm with its address as shown by terraform state list (….module.history_table[0].aws_dynamodb_table.this). The old table then stays in the account, and the next apply creates ${var.name}."
  }
}

output "arn" {
  description = "ARN of the table."
  value       = aws_dynamodb_table.this.arn
}

output "client_index_name" {
  description = "Name of the index on clientId and endedAt."
  value       = one(aws_dynamodb_table.this.global_secondary_index).name
}

output "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table. null for a key that DynamoDB owns."
  value       = var.kms_key_arn
}
