# What your platform already has: a WebSocket API whose $connect writes the record. It knows the connections table only by its name, so it can be
# applied before the module creates the table.

resource "aws_apigatewayv2_api" "this" {
  name                       = var.name
  description                = "Example of a WebSocket API"
  protocol_type              = "WEBSOCKET"
  route_selection_expression = "$request.body.action"
}

resource "aws_apigatewayv2_stage" "this" {
  #checkov:skip=CKV_AWS_76:Access logs need a role that is set for the whole account
  #checkov:skip=CKV2_AWS_51:Clients are browsers without certificates
  api_id      = aws_apigatewayv2_api.this.id
  name        = var.stage
  auto_deploy = true # a stage serves its last deployment: with this, the module's route is served as soon as it exists

  # Without both values the provider sets them to 0, and every call is answered with 429.
  default_route_settings {
    throttling_burst_limit = 500
    throttling_rate_limit  = 1000
  }
}

module "connect" {
  source = "../../modules/lambda-function"

  name        = "${var.name}-connect"
  description = "Writes the record of a new WebSocket connection"
  handler     = "connect.lambda_handler"
  package     = { path = "${path.module}/connect.zip" }
  timeout     = 10
  environment = { CONNECTIONS_TABLE = var.connections_table }

  policy_statements = [{
    sid       = "WriteRecord"
    actions   = ["dynamodb:PutItem"]
    resources = [local.connections_table_arn]
  }]
}

locals {
  verifying = nonsensitive(var.token_secret != null)

  # arn:PARTITION:execute-api:REGION:ACCOUNT:API
  api_arn               = split(":", aws_apigatewayv2_api.this.execution_arn)
  connections_table_arn = "arn:${local.api_arn[1]}:dynamodb:${local.api_arn[3]}:${local.api_arn[4]}:table/${var.connections_table}"
}

resource "aws_apigatewayv2_integration" "connect" {
  api_id             = aws_apigatewayv2_api.this.id
  integration_type   = "AWS_PROXY"
  integration_method = "POST"
  integration_uri    = module.connect.invoke_arn
}

resource "aws_apigatewayv2_route" "connect" {
  #checkov:skip=CKV_AWS_309:token_secret brings the authorizer; the demo has no users
  api_id             = aws_apigatewayv2_api.this.id
  operation_name     = "Connect"
  route_key          = "$connect"
  target             = "integrations/${aws_apigatewayv2_integration.connect.id}"
  authorization_type = local.verifying ? "CUSTOM" : "NONE"
  authorizer_id      = one(aws_apigatewayv2_authorizer.token[*].id)

  depends_on = [aws_lambda_permission.connect, aws_lambda_permission.authorize]
}

resource "aws_lambda_permission" "connect" {
  statement_id  = "ConnectRoute"
  function_name = module.connect.name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/${var.stage}/$connect"
}

module "authorize" {
  source = "../../modules/lambda-function"
  count  = local.verifying ? 1 : 0

  name        = "${var.name}-authorize"
  description = "Admits WebSocket clients that have a signed token"
  handler     = "authorize.lambda_handler"
  package     = { path = "${path.module}/authorize.zip" }
  timeout     = 10
  environment = { TOKEN_SECRET = var.token_secret }
}

resource "aws_apigatewayv2_authorizer" "token" {
  count = local.verifying ? 1 : 0

  api_id           = aws_apigatewayv2_api.this.id
  name             = "token"
  authorizer_type  = "REQUEST"
  authorizer_uri   = module.authorize[0].invoke_arn
  identity_sources = ["route.request.querystring.token"]
}

resource "aws_lambda_permission" "authorize" {
  count = local.verifying ? 1 : 0

  statement_id  = "TokenAuthorizer"
  function_name = module.authorize[0].name
  action        = "lambda:InvokeFunction"
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_apigatewayv2_api.this.execution_arn}/authorizers/${aws_apigatewayv2_authorizer.token[0].id}"
}
