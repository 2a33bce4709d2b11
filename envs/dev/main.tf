module "connections" {
  source = "../.."

  name = "security-events-dev"

  websocket_api = {
    id            = data.aws_apigatewayv2_api.this.id
    execution_arn = data.aws_apigatewayv2_api.this.execution_arn
    stage         = "dev"
  }

  # No deletion protection: the environment can be destroyed without an apply first.
  connections_table = {
    name                   = "SecurityEventWebSocketConnections-dev"
    deletion_protection    = false
    point_in_time_recovery = false
  }

  sweep = { probe = { report_queue = true } }

  # The queue exists although delivery is "function", so that you can try delivery = "queue" and change back.
  disconnect_queue = {}

  logs = {
    retention_days = 7
    client_details = "full"
  }

  # Roles that may send dead letters back: docs/operations.md.
  retry_queue = { operators = ["role/on-call"] }
}
