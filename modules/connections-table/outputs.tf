output "name" {
  description = "Name of the table."
  value       = var.name
}

output "arn" {
  description = "ARN of the table."
  value       = local.arn
}

output "client_index_arn" {
  description = "ARN of the index on clientId; null without one."
  value       = var.client_index == null ? null : "${local.arn}/index/${var.client_index}"
}

output "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table; null for a key that DynamoDB owns."
  value       = var.create ? var.kms_key_arn : local.brought_key
}
