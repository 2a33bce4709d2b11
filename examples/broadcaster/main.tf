# A function that posts to connections and reports those that are gone.

module "broadcast" {
  source = "../../modules/lambda-function"

  name        = var.name
  description = "Posts a message to WebSocket connections"
  handler     = "broadcast.lambda_handler"
  package     = { path = "${path.module}/broadcast.zip" }
  timeout     = 60

  environment = {
    CONNECTIONS_TABLE                        = var.connections_table.name
    REPORT_QUEUE_URL                         = var.report_gone.queue_url
    AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = "https://${var.websocket_api.id}.execute-api.${local.region}.amazonaws.com/${var.websocket_api.stage}"
  }

  policy_statements = [
    {
      sid       = "FindConnections"
      actions   = ["dynamodb:Scan"]
      resources = [var.connections_table.arn]
    },
    {
      sid       = "PostToConnections"
      actions   = ["execute-api:ManageConnections"]
      resources = ["${var.websocket_api.execution_arn}/${var.websocket_api.stage}/POST/@connections/*"]
    },
  ]
}

locals {
  region = split(":", var.websocket_api.execution_arn)[3]
}

resource "aws_iam_role_policy" "report_gone" {
  name   = "report-gone"
  role   = module.broadcast.role_name
  policy = var.report_gone.policy_json
}
