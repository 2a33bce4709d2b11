# The architecture. Each module is one box. policies.tf and environment.tf are the lines between them.
#
#   client ─✕─▶ $disconnect ─▶ disconnect ──────────────▶ connections table
#                                  │ on failure                ▲
#                                  ▼                           │
#                              retry queue ─▶ cleanup ─────────┘
#                                              ▲
#                                            sweep, for events that never came, and
#                                            look_at_once, after an alarm on lost events
#
# With delivery = "queue" the disconnect queue is between $disconnect and the disconnect function.

module "place" {
  source = "./modules/place"

  execution_arn = var.websocket_api.execution_arn

  names = {
    prefix            = var.name
    connections_table = var.connections_table.name
    history_table     = try(coalesce(var.history.table_name, "${var.connections_table.name}-history"), null)
    offline_table     = "${var.connections_table.name}-offline"
  }
}

module "connections_table" {
  source = "./modules/connections-table"

  name                   = local.names.connections_table
  create                 = var.connections_table.create
  client_index           = local.client_index
  point_in_time_recovery = var.connections_table.point_in_time_recovery
  deletion_protection    = var.connections_table.deletion_protection
  kms_key_arn            = var.kms_key_arn
  tags                   = var.tags
}

module "disconnect" {
  source = "./modules/lambda-function"

  name                 = "${local.names.prefix}-disconnect"
  description          = "Removes the record of a closed WebSocket connection"
  handler              = "disconnect.lambda_handler"
  package              = var.function.package
  runtime              = var.function.runtime
  architecture         = var.function.architecture
  memory_size          = var.function.memory_size
  timeout              = var.function.timeout
  reserved_concurrency = var.function.reserved_concurrency
  environment          = local.disconnect_environment
  policy_statements    = local.disconnect_statements
  logs                 = var.logs
  role                 = var.role
  existing_role        = one([for role in var.role.existing[*] : { arn = role.disconnect }])
  kms_key_arn          = var.kms_key_arn
  tags                 = var.tags

  code_signing_config_arn = var.function.code_signing_config_arn
  layers                  = var.function.layers
  tracing                 = var.function.tracing
  vpc                     = var.vpc
}

module "route" {
  source = "./modules/disconnect-route"

  websocket_api = var.websocket_api
  function      = module.disconnect
  queue         = local.queueing ? module.disconnect_queue[0].for_route : null
  through_queue = var.delivery == "queue"
}

module "disconnect_queue" {
  source = "./modules/disconnect-queue"
  count  = local.queueing ? 1 : 0

  name                = local.names.prefix
  function_name       = module.disconnect.name
  function_timeout    = var.function.timeout
  dead_letter_arn     = local.retry_queue.dead_letter_arn
  max_receive_count   = var.retry_queue.max_receive_count
  maximum_concurrency = local.disconnect_queue.maximum_concurrency
  role                = var.role
  existing_role       = one([for role in var.role.existing[*] : { arn = role.gateway }])
  kms_key_arn         = var.kms_key_arn
  tags                = var.tags
}

module "retry_queue" {
  source = "./modules/retry-queue"
  count  = var.retry_queue.enabled ? 1 : 0

  name                = local.names.prefix
  dead_letter_sources = local.queueing ? [module.disconnect_queue[0].arn] : []
  function_name       = module.cleanup[0].name
  function_timeout    = var.cleanup_function.timeout
  max_receive_count   = var.retry_queue.max_receive_count
  senders             = concat(local.function_roles, local.operators)
  maximum_concurrency = var.retry_queue.maximum_concurrency
  kms_key_arn         = var.kms_key_arn
  tags                = var.tags
}

module "report_queue" {
  source = "./modules/report-queue"
  count  = local.hearing ? 1 : 0

  name             = "${local.names.prefix}-reports"
  senders          = var.sweep.probe.report_senders
  function_name    = module.cleanup[0].name
  function_timeout = var.cleanup_function.timeout
  kms_key_arn      = var.kms_key_arn
  tags             = var.tags
}

module "cleanup" {
  source = "./modules/lambda-function"
  count  = var.retry_queue.enabled ? 1 : 0

  name                 = "${local.names.prefix}-cleanup"
  description          = "Retries what could not be done at $disconnect, and sweeps records of dead WebSocket connections"
  handler              = "cleanup.lambda_handler"
  package              = var.function.package
  runtime              = var.function.runtime
  architecture         = var.function.architecture
  memory_size          = var.cleanup_function.memory_size
  timeout              = var.cleanup_function.timeout
  reserved_concurrency = var.cleanup_function.reserved_concurrency
  environment          = local.cleanup_environment
  policy_statements    = local.cleanup_statements
  logs                 = var.logs
  role                 = var.role
  existing_role        = one([for role in var.role.existing[*] : { arn = role.cleanup }])
  kms_key_arn          = var.kms_key_arn
  tags                 = var.tags

  code_signing_config_arn = var.function.code_signing_config_arn
  layers                  = var.function.layers
  tracing                 = var.function.tracing
  vpc                     = var.vpc
}

module "sweep" {
  source = "./modules/sweep"
  count  = var.sweep.enabled ? 1 : 0

  name          = "${local.names.prefix}-sweep"
  function      = module.cleanup[0]
  function_arn  = "arn:${local.partition}:lambda:${local.region}:${local.account}:function:${local.names.prefix}-cleanup"
  schedule      = var.sweep.schedule
  segments      = var.sweep.segments
  role          = var.role
  existing_role = one([for role in var.role.existing[*] : { arn = role.schedule }])
  kms_key_arn   = var.kms_key_arn
  tags          = var.tags
}

module "look_at_once" {
  source = "./modules/look-at-once"
  count  = local.probing && var.monitoring != null && var.delivery == "function" ? 1 : 0 # with the queue, no event is lost to throttles or errors

  name       = "${local.names.prefix}-look-at-once"
  function   = module.cleanup[0]
  segments   = var.sweep.segments
  alarm_arns = module.monitoring[0].loss_alarm_arns
  tags       = var.tags
}

module "related_table" {
  source = "./modules/related-table"
  count  = length(var.related_tables) # not for_each: names may be known only after the apply that creates the tables

  name                    = var.related_tables[count.index].name
  connection_id_attribute = var.related_tables[count.index].connection_id_attribute
  index                   = var.related_tables[count.index].index
}

module "history_table" {
  source = "./modules/history-table"
  count  = var.history == null ? 0 : 1

  name                   = local.names.history_table
  point_in_time_recovery = var.history.point_in_time_recovery
  deletion_protection    = var.history.deletion_protection
  kms_key_arn            = var.kms_key_arn
  tags                   = var.tags
}

module "offline_table" {
  source = "./modules/offline-table"
  count  = local.offline ? 1 : 0

  name        = local.names.offline_table
  kms_key_arn = var.kms_key_arn
  tags        = var.tags
}

module "monitoring" {
  source = "./modules/monitoring"
  count  = var.monitoring == null ? 0 : 1

  name               = local.names.prefix
  functions          = { disconnect = module.disconnect, cleanup = var.retry_queue.enabled ? module.cleanup[0] : null }
  log_group_names    = distinct(concat([module.disconnect.log_group_name], module.cleanup[*].log_group_name))
  log_level          = var.logs.level
  retry_queue        = var.retry_queue.enabled ? module.retry_queue[0] : null
  report_queue       = length(module.report_queue) > 0 ? module.report_queue[0] : null # not local.hearing, which is sensitive if a part of the probe is
  disconnect_queue   = var.delivery == "queue" ? { name = module.disconnect_queue[0].name, api_id = var.websocket_api.id, stage = var.websocket_api.stage } : null
  sweep              = var.sweep.enabled ? { period_seconds = module.sweep[0].period_seconds, segments = var.sweep.segments, shared_table = var.connections_table.shared } : null
  alarm_actions      = var.monitoring.alarm_actions
  dashboard          = var.monitoring.dashboard
  connection_metrics = var.monitoring.connection_metrics
  region             = local.region
  tags               = var.tags
}
