# The $disconnect route of a WebSocket API that somebody else owns, and a function behind it.

locals {
  source_arn = "${var.websocket_api.execution_arn}/${coalesce(var.websocket_api.stage, "*")}/$disconnect"
  region     = split(":", var.websocket_api.execution_arn)[3]
}

# Its id, since only provider 6 has `region` and there `name` is deprecated.
data "aws_region" "provider" {}

resource "aws_apigatewayv2_integration" "this" {
  api_id             = var.websocket_api.id
  description        = "Removes the record of a closed connection"
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = var.function.invoke_arn

  lifecycle {
    precondition {
      condition     = data.aws_region.provider.id == local.region
      error_message = "The WebSocket API is in ${local.region}, the module's provider in ${data.aws_region.provider.id}: give the module the API's provider, for example providers = { aws = aws.${replace(local.region, "-", "_")} }."
    }
  }

  # An event that arrives before the permission is lost.
  depends_on = [aws_lambda_permission.this]
}

# Another API or stage: what is new is there before what was goes, or events in between would be lost. Terraform treats all that a route
# refers to in the same way, down to the function's role; so nothing there may keep its name when it is replaced.
resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:$disconnect takes no authorizer: the connection is closed already
  api_id         = var.websocket_api.id
  operation_name = "Disconnect"
  route_key      = "$disconnect"
  target         = "integrations/${aws_apigatewayv2_integration.this.id}"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_permission" "this" {
  statement_id  = "DisconnectRoute-${substr(sha1(local.source_arn), 0, 8)}"
  function_name = var.function.name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = local.source_arn

  lifecycle {
    create_before_destroy = true
  }
}
