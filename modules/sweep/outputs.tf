output "period_seconds" {
  description = "Seconds from one sweep to the next."
  value       = local.period_seconds
}

output "policy" {
  description = "The policy that the role needs, as JSON."
  value       = local.policy
}
