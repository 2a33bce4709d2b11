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
