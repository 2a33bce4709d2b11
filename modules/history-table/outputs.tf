output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name

  precondition {
    condition     = aws_dynamodb_table.this.name == var.name
    error_message = "Table ${aws_dynamodb_table.this.name} can't be renamed to ${var.name}: an empty one would take its place. Keep it by history = { table_name = \"${aws_dynamodb_table.this.name}\" }, or let go of it, and it stays in the account: terraform state rm and its address, by which terraform state list has it (….module.history_table[0].aws_dynamodb_table.this). The next apply makes ${var.name}."
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
  description = "ARN of the KMS key that encrypts the table; null for a key that DynamoDB owns."
  value       = var.kms_key_arn
}
