module "connections" {
  source = "../.."

  name = "security-events-dev"

  websocket_api = {
    id            = data.aws_apigatewayv2_api.this.id
    execution_arn = data.aws_apigatewayv2_api.this.execution_arn
    stage         = "dev"
  }

  # Nothing here is worth keeping: the environment can be destroyed as it is.
  connections_table = {
    name                   = "SecurityEventWebSocketConnections-dev"
    deletion_protection    = false
    point_in_time_recovery = false
  }

  sweep = { probe = { report_queue = true } }

  # Kept beside the function, so that delivery = "queue" can be tried and taken back.
  disconnect_queue = {}

  logs = {
    retention_days = 7
    client_details = "full"
  }

  # Who sends dead letters back: docs/operations.md.
  retry_queue = { operators = ["role/on-call"] }
}
