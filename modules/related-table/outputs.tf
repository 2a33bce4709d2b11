output "setting" {
  description = "What the functions are told about the table: one element of RELATED_TABLES."
  value = {
    table     = var.name
    attribute = var.connection_id_attribute
    index     = var.index
    keys      = compact([data.aws_dynamodb_table.this.hash_key, data.aws_dynamodb_table.this.range_key])
  }
}

output "arn" {
  description = "ARN of the table."
  value       = data.aws_dynamodb_table.this.arn
}

output "query_arn" {
  description = "ARN of what is queried: the index, or the table without one."
  value       = join("/index/", compact([data.aws_dynamodb_table.this.arn, var.index]))
}

output "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table; null for a key that DynamoDB owns."
  value       = one(compact(data.aws_dynamodb_table.this.server_side_encryption[*].kms_key_arn))
}
