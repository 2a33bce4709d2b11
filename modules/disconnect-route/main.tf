# The $disconnect route of a WebSocket API that another stack owns, with a function or a queue behind it.

locals {
  source_arn = "${var.websocket_api.execution_arn}/${coalesce(var.websocket_api.stage, "*")}/$disconnect"

  integration = var.through_queue ? aws_apigatewayv2_integration.queue[0] : aws_apigatewayv2_integration.this

  queue_arn = var.queue == null ? null : split(":", var.queue.arn)

  # The event's fields that the function reads. disconnectStatusCode and disconnectReason are not documented for templates and may be empty.
  variables = [
    "connectionId", "connectedAt", "eventType", "requestId", "requestTimeEpoch", "apiId", "stage",
    "identity.sourceIp", "identity.userAgent", "disconnectStatusCode", "disconnectReason",
  ]

  # A form within a form: each value is encoded once for its field and once for the request, so no value that a client chooses (user agent,
  # reason) can end its field. In quotes, a variable without a value is an empty string, not a null argument.
  send_event = "Action=SendMessage&MessageBody=${join("%26", [
    for name in local.variables : "${name}%3D$util.urlEncode($util.urlEncode(\"$!context.${name}\"))"
  ])}"
}

resource "aws_apigatewayv2_integration" "this" {
  api_id             = var.websocket_api.id
  description        = "Removes the record of a closed connection"
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = var.function.invoke_arn

  # An event that arrives before the permission exists is lost.
  depends_on = [aws_lambda_permission.this]
}

# Connects the route to SQS as AWS's own construct aws-apigatewayv2websocket-sqs does. Both integrations exist, whichever the route uses: a stage
# serves its last deployment, so events may still come by the other one until the next deployment.
resource "aws_apigatewayv2_integration" "queue" {
  count = var.queue == null ? 0 : 1

  api_id               = var.websocket_api.id
  description          = "Queues the removal of a closed connection's record"
  integration_type     = "AWS"
  integration_method   = "POST"
  integration_uri      = "arn:${local.queue_arn[1]}:apigateway:${local.queue_arn[3]}:sqs:path/${local.queue_arn[4]}/${local.queue_arn[5]}"
  credentials_arn      = var.queue.role_arn
  passthrough_behavior = "NEVER"
  request_parameters   = { "integration.request.header.Content-Type" = "'application/x-www-form-urlencoded'" }
  request_templates    = { "$default" = local.send_event }

  template_selection_expression = "\\$default"
}

# If the API or stage changes, the new route exists before the old one is deleted, so no event in between is lost. Terraform spreads
# create_before_destroy to everything that the route refers to, even the function's role. So each of those has a generated name, or its creation
# fails while the old one exists (function, role, log group, table, route). Otherwise a replacement could overwrite the old one and then be deleted.
resource "aws_apigatewayv2_route" "this" {
  #checkov:skip=CKV_AWS_309:$disconnect takes no authorizer: the connection is closed already
  api_id         = var.websocket_api.id
  operation_name = "Disconnect"
  route_key      = "$disconnect"
  target         = "integrations/${local.integration.id}"

  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_lambda_permission" "this" {
  statement_id_prefix = "DisconnectRoute-"
  function_name       = var.function.name
  action              = "lambda:InvokeFunction"
  principal           = "apigateway.amazonaws.com"
  source_arn          = local.source_arn

  lifecycle {
    create_before_destroy = true
  }
}
