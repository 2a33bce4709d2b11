# The functions' environment variables. A variable that is null is left out, which turns its feature off.

locals {
  names = module.place.names

  # The API's ARN contains region and account: arn:PARTITION:execute-api:REGION:ACCOUNT:API
  partition = split(":", var.websocket_api.execution_arn)[1]
  region    = split(":", var.websocket_api.execution_arn)[3]
  account   = split(":", var.websocket_api.execution_arn)[4]
  dns_suffix = lookup({
    aws-cn    = "amazonaws.com.cn"
    aws-eusc  = "amazonaws.eu"
    aws-iso   = "c2s.ic.gov"
    aws-iso-b = "sc2s.sgov.gov"
    aws-iso-e = "cloud.adc-e.uk"
    aws-iso-f = "csp.hci.ic.gov"
  }, local.partition, "amazonaws.com")

  probing    = var.sweep.enabled && var.sweep.probe != null
  hearing    = try(local.probing && var.sweep.probe.report_queue, false)
  duplicates = var.duplicates != "off"
  announcing = var.events != null
  offline    = try(var.events.client_offline_after_seconds, null) != null

  disconnect_queue = var.delivery == "queue" ? coalesce(var.disconnect_queue, { maximum_concurrency = 35 }) : var.disconnect_queue
  queueing         = local.disconnect_queue != null

  # Roles and users that may send dead letters back.
  operators = [for operator in var.retry_queue.operators : "arn:${local.partition}:iam::${local.account}:${operator}"]

  # With any path and suffix: while these change, the functions still run under their old roles.
  own_roles      = [for of in setproduct(["", "*/"], ["disconnect", "cleanup"]) : "arn:${local.partition}:iam::${local.account}:role/${of[0]}${var.name}-${of[1]}*"]
  function_roles = var.role.existing == null ? local.own_roles : [var.role.existing.disconnect, var.role.existing.cleanup]

  client_index  = local.duplicates || local.offline ? var.connections_table.client_index : null
  event_bus_arn = !local.announcing ? null : coalesce(var.events.bus_arn, "arn:${local.partition}:events:${local.region}:${local.account}:event-bus/default")

  shared_environment = {
    CONNECTIONS_TABLE  = module.connections_table.name
    CLIENT_DETAILS     = var.logs.client_details
    LOG_LINE_LEVEL     = var.logs.level == "INFO" ? null : var.logs.level
    METRICS_NAME       = var.name
    CONNECTION_METRICS = try(var.monitoring.connection_metrics, false) ? "true" : null
    RETRY_QUEUE_URL    = one(local.retry_queue[*].url)
    RELATED_TABLES     = length(var.related_tables) == 0 ? null : jsonencode(module.related_table[*].setting)
    HISTORY_TABLE      = one(module.history_table[*].name)
    HISTORY_DAYS       = try(tostring(var.history.retention_days), null)
    DUPLICATES         = local.duplicates ? var.duplicates : null
    CLIENT_INDEX       = local.client_index
    EVENT_BUS          = one(local.event_bus_arn[*])

    CLIENT_OFFLINE_AFTER_SECONDS = local.offline ? tostring(var.events.client_offline_after_seconds) : null
    OFFLINE_TABLE                = one(module.offline_table[*].name)
  }

  # Shows which records are this API's, if APIs share a table.
  own_api_environment = {
    WEBSOCKET_API_ID = var.websocket_api.id
    WEBSOCKET_STAGE  = var.websocket_api.stage
  }

  # botocore reads the endpoint from this variable. It is not the event's domainName: behind a custom domain, @connections answers 403 there.
  connections_api_environment = {
    AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = var.websocket_api.connections_endpoint != null ? var.websocket_api.connections_endpoint : var.websocket_api.stage == null ? null : "https://${var.websocket_api.id}.execute-api.${local.region}.${local.dns_suffix}/${var.websocket_api.stage}"
  }

  cleanup_only_environment = {
    REPORT_QUEUE_URL       = one(local.report_queue[*].url)
    EXPIRED_AFTER_SECONDS  = tostring(var.sweep.expired_after_seconds)
    PROBES_PER_SECOND      = local.probing ? tostring(var.sweep.probe.per_second) : null
    MOST_PROBES_PER_SECOND = local.probing ? tostring(var.sweep.probe.most_per_second) : null
    SUSPECT_AFTER_SECONDS  = local.probing ? tostring(var.sweep.probe.suspect_after_seconds) : null
    SHARED_TABLE           = var.connections_table.shared ? "true" : null
    EXCLUSIVE_TABLE        = try(local.probing && var.sweep.probe.exclusive_table, false) ? "true" : null
  }

  dead_letter_environment = {
    DEAD_LETTER_QUEUE_URL = one(local.retry_queue[*].dead_letter_url)
  }

  disconnect_environment = { for name, value in merge(
    var.function.environment,
    local.shared_environment,
    local.queueing ? local.dead_letter_environment : null,
    local.client_index != null ? local.own_api_environment : null,
  ) : name => value if value != null }

  cleanup_environment = { for name, value in merge(
    var.function.environment,
    local.shared_environment,
    local.own_api_environment,
    local.connections_api_environment,
    local.dead_letter_environment,
    local.cleanup_only_environment,
  ) : name => value if value != null }
}
