# The WebSocket API belongs to another stack. It is found by its name, unless its id is given.

data "aws_apigatewayv2_apis" "named" {
  count = var.websocket_api_id == null ? 1 : 0

  name          = var.websocket_api_name
  protocol_type = "WEBSOCKET"

  lifecycle {
    postcondition {
      condition     = length(self.ids) == 1
      error_message = "Expected one WebSocket API named ${var.websocket_api_name} in this account and region, found ${length(self.ids)}. Correct websocket_api_name, or set websocket_api_id."
    }
  }
}

data "aws_apigatewayv2_api" "this" {
  api_id = var.websocket_api_id == null ? one(data.aws_apigatewayv2_apis.named[0].ids) : var.websocket_api_id
}
