output "name" {
  description = "Name of the table."
  value       = aws_dynamodb_table.this.name
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
