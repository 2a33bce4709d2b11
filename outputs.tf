output "connections_table" {
  description = "Name and ARN of the connections table, for the `$connect` that writes it."
  value       = { name = module.connections_table.name, arn = module.connections_table.arn }
}

output "history_table" {
  description = "Name, ARN and the client index's name of the history table; null when history is off."
  value       = one(module.history_table)
}

output "disconnect_function" {
  description = "Name, ARN, role and log group of the function behind `$disconnect`."
  value       = module.disconnect
}

output "cleanup_function" {
  description = "Name, ARN, role and log group of the clean-up function; null when the retry queue is off."
  value       = one(module.cleanup)
}

output "route_id" {
  description = "Id of the `$disconnect` route."
  value       = module.route.route_id
}

output "integration_id" {
  description = "Id of the route's integration."
  value       = module.route.integration_id
}

output "redeployment_trigger" {
  description = "Changes when the API must be deployed again: put it into the `triggers` of your `aws_apigatewayv2_deployment`. Not needed when the stage has `auto_deploy = true`."
  value       = module.route.redeployment_trigger
}

output "retry_queue" {
  description = "Names, URLs and ARNs of the retry queue and its dead-letter queue; null when it is off."
  value       = one(module.retry_queue)
}

output "report_gone" {
  description = "For whoever posts to connections and learns that one is gone: the queue to report it to, and a policy for their role. null without `sweep.probe.report_queue`."
  value = !local.hearing ? null : {
    queue_url   = local.report_queue.url
    queue_arn   = local.report_queue.arn
    policy_json = jsonencode({ Version = "2012-10-17", Statement = local.senders_statements })
  }
}

output "alarm_names" {
  description = "Names of the alarms; empty when monitoring is off."
  value       = flatten(module.monitoring[*].alarm_names)
}
