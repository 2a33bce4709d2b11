output "period_seconds" {
  description = "Seconds from one sweep to the next."
  value       = local.period_seconds
}

output "role_arn" {
  description = "ARN of the schedules' role."
  value       = aws_iam_role.this.arn
}
