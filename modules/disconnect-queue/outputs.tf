output "name" {
  description = "Name of the queue."
  value       = aws_sqs_queue.this.name
}

output "url" {
  description = "URL of the queue."
  value       = aws_sqs_queue.this.url
}

output "arn" {
  description = "ARN of the queue."
  value       = aws_sqs_queue.this.arn
}

# The route uses the queue only after API Gateway may send and the function receives, and neither is deleted while it does. Nothing else may be in
# depends_on: create_before_destroy spreads to it, and the queue's policies would be overwritten by their replacement.
output "for_route" {
  description = "ARN of the queue, and of the role with which API Gateway sends to it."
  value       = { arn = aws_sqs_queue.this.arn, role_arn = local.role_arn }

  depends_on = [aws_iam_role_policy.this, aws_lambda_event_source_mapping.this]
}

output "policy" {
  description = "The policy that the role needs, as JSON."
  value       = local.policy
}
