output "url" {
  description = "Where clients connect, for example: websocat \"$(terraform output -raw url)?clientId=me\""
  value       = module.websocket_api.url
}

output "websocket_api" {
  description = "The API: id, execution ARN and stage."
  value       = module.websocket_api.websocket_api
}

output "connections_table" {
  description = "Name and ARN of the connections table."
  value       = module.connections.connections_table
}

output "history_table" {
  description = "Name, ARN and client index of the table of ended connections."
  value       = module.connections.history_table
}

output "disconnect_function" {
  description = "The function behind $disconnect, with its role and log group."
  value       = module.connections.disconnect_function
}

output "cleanup_function" {
  description = "The clean-up function, with its role and log group."
  value       = module.connections.cleanup_function
}

output "disconnect_queue" {
  description = "The queue of $disconnect events."
  value       = module.connections.disconnect_queue
}

output "retry_queue" {
  description = "The retry queue and its dead-letter queue."
  value       = module.connections.retry_queue
}

output "alarm_names" {
  description = "Names of the alarms."
  value       = module.connections.alarm_names
}
