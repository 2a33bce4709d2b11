output "period_seconds" {
  description = "Seconds from one sweep to the next."
  value       = local.period_seconds
}

output "policy" {
  description = "All that the role must be allowed, as JSON."
  value       = local.policy
}
