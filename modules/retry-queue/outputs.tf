output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.retry.name
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.retry.url
}

output "arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.retry.arn
}

output "dead_letter_name" {
  description = "Name of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.name
}

output "dead_letter_url" {
  description = "URL of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.url
}

output "dead_letter_arn" {
  description = "ARN of the dead-letter queue."
  value       = aws_sqs_queue.dead_letter.arn
}
