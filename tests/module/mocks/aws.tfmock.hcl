# What AWS would answer, where the module looks into the answer.

mock_resource "aws_dynamodb_table" {
  defaults = {
    arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"
  }
}

mock_resource "aws_lambda_function" {
  defaults = {
    arn           = "arn:aws:lambda:eu-central-1:111122223333:function:chat"
    last_modified = "" # as long as it is unknown: the code is then not compared
    invoke_arn    = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:chat/invocations"
  }
}

mock_resource "aws_cloudwatch_log_group" {
  defaults = {
    arn = "arn:aws:logs:eu-central-1:111122223333:log-group:LOGS"
  }
}

mock_resource "aws_iam_role" {
  defaults = {
    arn = "arn:aws:iam::111122223333:role/chat"
  }
}

mock_resource "aws_sqs_queue" {
  defaults = {
    name = "chat-retry"
    arn  = "arn:aws:sqs:eu-central-1:111122223333:chat-retry"
    url  = "https://sqs.eu-central-1.amazonaws.com/111122223333/chat-retry"
  }
}

mock_resource "aws_scheduler_schedule_group" {
  defaults = {
    arn = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/chat-sweep"
  }
}

mock_resource "aws_apigatewayv2_integration" {
  defaults = {
    id = "abc123"
  }
}

mock_resource "aws_cloudwatch_event_rule" {
  defaults = {
    arn = "arn:aws:events:eu-central-1:111122223333:rule/chat-look-at-once"
  }
}

mock_resource "aws_cloudwatch_metric_alarm" {
  defaults = {
    arn = "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-alarm"
  }
}

mock_data "aws_region" {
  defaults = {
    endpoint = "ec2.eu-central-1.amazonaws.com"
  }
}

mock_data "aws_caller_identity" {
  defaults = {
    account_id = "111122223333"
  }
}
