output "connections_table" {
  description = "Name and ARN of the connections table, for the stack that owns `$connect`."
  value       = module.connections.connections_table
}

output "redeployment_trigger" {
  description = "For the stack that owns the API's deployment, if its stage has no auto_deploy."
  value       = module.connections.redeployment_trigger
}

output "websocket_api_id" {
  description = "Id of the WebSocket API whose disconnects are handled."
  value       = data.aws_apigatewayv2_api.this.id
}

output "functions" {
  description = "The functions' names, roles and log groups, to investigate an alarm."
  value = {
    disconnect = module.connections.disconnect_function
    cleanup    = module.connections.cleanup_function
  }
}

output "disconnect_queue" {
  description = "Name, URL and ARN of the queue of $disconnect events. null without it."
  value       = module.connections.disconnect_queue
}

output "retry_queue" {
  description = "Names, URLs and ARNs of the retry queue and its dead-letter queue."
  value       = module.connections.retry_queue
}

output "report_gone" {
  description = "For stacks that post to connections: the queue to report gone connections to, and a policy for the sender's role."
  value       = module.connections.report_gone
}
