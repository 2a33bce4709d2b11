output "period_seconds" {
  description = "Seconds from one sweep to the next."
  value       = local.period_seconds
}
