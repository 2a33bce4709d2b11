output "url" {
  description = "Where clients connect, for example: websocat \"$(terraform output -raw url)?clientId=me\""
  value       = module.websocket_api.url
}

output "connections_table" {
  description = "Name and ARN of the table that follows them."
  value       = module.connections.connections_table
}
