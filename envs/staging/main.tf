module "connections" {
  source = "../.."

  name = "security-events-staging"

  websocket_api = {
    id            = data.aws_apigatewayv2_api.this.id
    execution_arn = data.aws_apigatewayv2_api.this.execution_arn
    stage         = "staging"
  }

  connections_table = {
    name                = "SecurityEventWebSocketConnections-staging"
    deletion_protection = var.deletion_protection
  }

  # As in production, but the alarms notify nobody.
  sweep      = { probe = { report_queue = true } }
  monitoring = {}

  # Roles that may send dead letters back: docs/operations.md.
  retry_queue = { operators = ["role/on-call"] }
}
