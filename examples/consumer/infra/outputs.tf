output "connections_table" {
  description = "Name and ARN of the connections table, for the `$connect` that writes it."
  value       = module.disconnect.connections_table
}
