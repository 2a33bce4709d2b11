output "function_name" {
  description = "Name of the function. Invoke it with {\"message\": \"…\"}."
  value       = module.broadcast.name
}
