# Outputs name their fields, so that a new output of a submodule does not become part of the interface.
locals {
  function_fields = ["name", "arn", "role_name", "role_arn", "policy", "log_group_name"]
  queue_fields    = ["name", "url", "arn", "dead_letter_name", "dead_letter_url", "dead_letter_arn"]
}

output "connections_table" {
  description = "Name and ARN of the connections table, for the `$connect` function that writes to it."
  value       = { name = module.connections_table.name, arn = module.connections_table.arn }
}

output "history_table" {
  description = "Name, ARN and client index of the history table. null without `history`."
  value       = one([for table in module.history_table : { name = table.name, arn = table.arn, client_index_name = table.client_index_name }])
}

output "disconnect_function" {
  description = "Name, ARN, role (name, ARN, policy) and log group of the disconnect function."
  value       = { for field in local.function_fields : field => module.disconnect[field] }
}

output "cleanup_function" {
  description = "The same for the clean-up function. null without the retry queue."
  value       = one([for function in module.cleanup : { for field in local.function_fields : field => function[field] }])
}

# Single outputs instead of whole modules, as in policies.tf: otherwise the policies would depend on resources that wait for them.
output "role_policies" {
  description = "The policy that each role needs, as JSON, by the names of `role.existing`. The module's own roles already have these policies."
  value = merge(
    { disconnect = module.disconnect.policy },
    var.retry_queue.enabled ? { cleanup = module.cleanup[0].policy } : {},
    var.sweep.enabled ? { schedule = module.sweep[0].policy } : {},
    local.queueing ? { gateway = module.disconnect_queue[0].policy } : {},
  )
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
  description = "Changes when the stage must be deployed again. Use it in the `triggers` of your `aws_apigatewayv2_deployment`. Not needed with `auto_deploy = true`."
  value       = module.route.redeployment_trigger
}

output "disconnect_queue" {
  description = "Name, URL and ARN of the queue between the route and the disconnect function. null without that queue."
  value       = !local.queueing ? null : { name = module.disconnect_queue[0].name, url = module.disconnect_queue[0].url, arn = module.disconnect_queue[0].arn }
}

output "retry_queue" {
  description = "Names, URLs and ARNs of the retry queue and its dead-letter queue. null without the retry queue."
  value       = one([for queue in module.retry_queue : { for field in local.queue_fields : field => queue[field] }])
}

output "report_gone" {
  description = "For senders that report connections that answered 410: the queue's URL and ARN, and an IAM policy for the sender's role. null without `sweep.probe.report_queue`."
  value = !local.hearing ? null : {
    queue_url   = local.report_queue.url
    queue_arn   = local.report_queue.arn
    policy_json = jsonencode({ Version = "2012-10-17", Statement = local.senders_statements })
  }
}

output "alarm_names" {
  description = "Names of the alarms. Empty without `monitoring`."
  value       = flatten(module.monitoring[*].alarm_names)
}
