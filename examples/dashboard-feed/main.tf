# A dashboard that shows, without polling, who has left. The module announces each end, an EventBridge rule sends it to a queue, and a small
# function pushes it to all open connections.

locals {
  name  = "dashboard-example"
  table = "dashboard-example-connections"
}

module "websocket_api" {
  source = "../websocket-api"

  name              = local.name
  stage             = "live"
  connections_table = local.table
}

module "connections" {
  source = "../.."

  name              = local.name
  websocket_api     = module.websocket_api.websocket_api
  connections_table = { name = local.table, deletion_protection = false }
  events            = { client_offline_after_seconds = 5 } # a page that is reloaded is back by then
}

resource "aws_cloudwatch_event_rule" "announcements" {
  name        = "${local.name}-announcements"
  description = "Who has left, of this table's clients"

  event_pattern = jsonencode({
    source = ["websocket-connections"]
    detail = { connectionsTable = [local.table] }
  })
}

resource "aws_cloudwatch_event_target" "feed" {
  rule = aws_cloudwatch_event_rule.announcements.name
  arn  = aws_sqs_queue.feed.arn
}

# The queue batches announcements: many clients that leave at once become one message, not one each.
resource "aws_sqs_queue" "feed" {
  name                       = "${local.name}-feed"
  message_retention_seconds  = 600 # older news is not worth showing
  visibility_timeout_seconds = 180
  sqs_managed_sse_enabled    = true
}

resource "aws_sqs_queue_policy" "feed" {
  queue_url = aws_sqs_queue.feed.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "SendAnnouncements"
      Effect    = "Allow"
      Principal = { Service = "events.amazonaws.com" }
      Action    = "sqs:SendMessage"
      Resource  = aws_sqs_queue.feed.arn
      Condition = { ArnEquals = { "aws:SourceArn" = aws_cloudwatch_event_rule.announcements.arn } }
    }]
  })
}

resource "aws_lambda_event_source_mapping" "feed" {
  event_source_arn                   = aws_sqs_queue.feed.arn
  function_name                      = module.feed.name
  batch_size                         = 25
  maximum_batching_window_in_seconds = 1

  scaling_config {
    maximum_concurrency = 2
  }
}

module "feed" {
  source = "../../modules/lambda-function"

  name        = "${local.name}-feed"
  description = "Pushes announcements to everybody who is connected"
  handler     = "feed.lambda_handler"
  package     = { path = "${path.module}/feed.zip" }
  timeout     = 30

  environment = {
    CONNECTIONS_TABLE                        = local.table
    AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI = replace(module.websocket_api.url, "wss://", "https://")
  }

  policy_statements = [
    {
      sid       = "ReceiveAnnouncements"
      actions   = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [aws_sqs_queue.feed.arn]
    },
    {
      sid       = "ScanRecords"
      actions   = ["dynamodb:Scan"]
      resources = [module.connections.connections_table.arn]
    },
    {
      sid       = "PostToConnections"
      actions   = ["execute-api:ManageConnections"]
      resources = ["${module.websocket_api.websocket_api.execution_arn}/${module.websocket_api.websocket_api.stage}/POST/@connections/*"]
    },
  ]
}
