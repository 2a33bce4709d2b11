output "function_name" {
  description = "Name of the function: invoke it with {\"message\": \"…\"}."
  value       = module.broadcast.name
}
