# One environment of a team that consumes the module. The WebSocket API belongs to another stack.

data "aws_apigatewayv2_apis" "chat" {
  name          = "chat"
  protocol_type = "WEBSOCKET"

  lifecycle {
    postcondition {
      condition     = length(self.ids) == 1
      error_message = "Expected one WebSocket API named chat in this account and region, found ${length(self.ids)}. Correct the name."
    }
  }
}

data "aws_apigatewayv2_api" "chat" {
  api_id = one(data.aws_apigatewayv2_apis.chat.ids)
}

module "disconnect" {
  # In your repository: "git::https://github.com/your-org/terraform-aws-websocket-disconnect.git?ref=v1.0.0"
  source = "../../.."

  name              = "chat"
  websocket_api     = { id = data.aws_apigatewayv2_api.chat.id, execution_arn = data.aws_apigatewayv2_api.chat.execution_arn, stage = "live" }
  connections_table = { name = "chat-connections" }
  monitoring        = { alarm_actions = var.alarm_actions }
}
