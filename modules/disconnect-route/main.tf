# The $disconnect route of a WebSocket API that somebody else owns, and a function behind it.

resource "aws_apigatewayv2_integration" "this" {
  api_id             = var.websocket_api.id
  description        = "Removes the record of a closed connection"
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = var.function.invoke_arn
}

resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:$disconnect takes no authorizer: the connection is closed already
  api_id         = var.websocket_api.id
  operation_name = "Disconnect"
  route_key      = "$disconnect"
  target         = "integrations/${aws_apigatewayv2_integration.this.id}"

  # An event that arrives before the permission is lost.
  depends_on = [aws_lambda_permission.this]
}

resource "aws_lambda_permission" "this" {
  statement_id  = "DisconnectRoute-${replace(coalesce(var.websocket_api.stage, "all"), "$", "")}"
  function_name = var.function.name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${var.websocket_api.execution_arn}/${coalesce(var.websocket_api.stage, "*")}/$disconnect"

  # Another stage is another statement: made before the old one goes, or events in between would be lost.
  lifecycle {
    create_before_destroy = true
  }
}
