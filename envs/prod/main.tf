module "connections" {
  source = "../.."

  name = "security-events-prod"

  websocket_api = {
    id            = data.aws_apigatewayv2_api.this.id
    execution_arn = data.aws_apigatewayv2_api.this.execution_arn
    stage         = "prod"
  }

  connections_table = {
    name                = "SecurityEventWebSocketConnections"
    deletion_protection = var.deletion_protection
  }

  logs  = { retention_days = 365 }
  sweep = { probe = { report_queue = true } }

  monitoring = {
    alarm_actions      = var.alarm_topic_arns
    dashboard          = true
    connection_metrics = true
  }

  # Roles that may send dead letters back: docs/operations.md.
  retry_queue = { operators = ["role/on-call"] }
}
