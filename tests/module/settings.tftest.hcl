# What each small module makes of its inputs, where getting it wrong would not show at once.

mock_provider "aws" {
  source          = "./tests/module/mocks"
  override_during = plan
}

run "only_the_disconnect_route_of_this_stage_may_invoke_the_function" {
  command = plan

  module {
    source = "./modules/disconnect-route"
  }

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    function      = { name = "chat", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:chat/invocations" }
  }

  assert {
    condition     = aws_lambda_permission.this.source_arn == "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/live/$disconnect"
    error_message = "The permission is for ${aws_lambda_permission.this.source_arn}."
  }

  assert {
    condition     = [aws_lambda_permission.this.principal, aws_lambda_permission.this.action, aws_lambda_permission.this.function_name] == ["apigateway.amazonaws.com", "lambda:InvokeFunction", "chat"]
    error_message = "The permission is for another principal, action or function."
  }

  assert {
    condition     = aws_apigatewayv2_route.this.route_key == "$disconnect" && aws_apigatewayv2_route.this.target == "integrations/${aws_apigatewayv2_integration.this.id}"
    error_message = "The route is ${aws_apigatewayv2_route.this.route_key} to ${aws_apigatewayv2_route.this.target}."
  }
}

run "without_a_stage_the_disconnect_route_of_every_stage_may" {
  command = plan

  module {
    source = "./modules/disconnect-route"
  }

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws-cn:execute-api:cn-north-1:111122223333:a1b2c3" }
    function      = { name = "chat", invoke_arn = "arn:aws-cn:apigateway:cn-north-1:lambda:path/2015-03-31/functions/arn:aws-cn:lambda:cn-north-1:111122223333:function:chat/invocations" }
  }

  override_data {
    target = data.aws_region.provider
    values = { id = "cn-north-1" }
  }

  assert {
    condition     = aws_lambda_permission.this.source_arn == "arn:aws-cn:execute-api:cn-north-1:111122223333:a1b2c3/*/$disconnect"
    error_message = "The permission is for ${aws_lambda_permission.this.source_arn}."
  }
}

run "an_api_of_another_region_than_the_providers_is_refused" {
  command = plan

  module {
    source = "./modules/disconnect-route"
  }

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:us-east-1:111122223333:a1b2c3" }
    function      = { name = "chat", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:chat/invocations" }
  }

  expect_failures = [aws_apigatewayv2_integration.this]
}

run "only_schedules_of_the_own_group_may_use_the_sweeps_role_and_only_for_the_function" {
  command = plan

  module {
    source = "./modules/sweep"
  }

  variables {
    name        = "chat-sweep"
    function    = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    role        = { path = "/service/", permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary" }
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/ours"
  }

  assert {
    condition = jsondecode(aws_iam_role.this.assume_role_policy).Statement == [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceArn" = "arn:aws:scheduler:eu-central-1:111122223333:schedule-group/chat-sweep" } }
    }]
    error_message = "The role is trusted by: ${aws_iam_role.this.assume_role_policy}"
  }

  assert {
    condition = jsondecode(aws_iam_role_policy.this.policy).Statement == [
      { Sid = "InvokeFunction", Effect = "Allow", Action = "lambda:InvokeFunction", Resource = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" },
      {
        Sid       = "DecryptInput", Effect = "Allow", Action = "kms:Decrypt", Resource = "arn:aws:kms:eu-central-1:111122223333:key/ours"
        Condition = { StringEquals = { "kms:ViaService" = "scheduler.eu-central-1.amazonaws.com" } }
      },
    ]
    error_message = "The role may: ${aws_iam_role_policy.this.policy}"
  }

  assert {
    condition     = aws_iam_role.this.path == "/service/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "The role's path or boundary is not what was given."
  }
}

run "each_segment_has_a_schedule_that_names_it" {
  command = plan

  module {
    source = "./modules/sweep"
  }

  variables {
    name     = "chat-sweep"
    function = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    segments = 2
    schedule = "rate(2 hours)"
  }

  assert {
    condition = [for s in aws_scheduler_schedule.this : jsondecode(s.target[0].input)] == [
      { sweep = { segment = 0, segments = 2, period_s = 7200 } },
      { sweep = { segment = 1, segments = 2, period_s = 7200 } },
    ]
    error_message = "The schedules' inputs are: ${jsonencode(aws_scheduler_schedule.this[*].target[0].input)}"
  }

  assert {
    condition     = output.period_seconds == 7200
    error_message = "rate(2 hours) was taken for ${output.period_seconds} seconds."
  }
}

run "alarms_that_tell_of_lost_events_have_the_function_look_at_once_as_they_go_off_and_as_they_end" {
  command = plan

  module {
    source = "./modules/look-at-once"
  }

  variables {
    name       = "chat-look-at-once"
    function   = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    segments   = 4
    alarm_arns = ["arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-disconnect-errors", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-disconnect-throttles"]
  }

  assert {
    condition = jsondecode(aws_cloudwatch_event_rule.this.event_pattern) == {
      source        = ["aws.cloudwatch"]
      "detail-type" = ["CloudWatch Alarm State Change"]
      resources     = ["arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-disconnect-errors", "arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-disconnect-throttles"]
      "$or"         = [{ detail = { state = { value = ["ALARM"] } } }, { detail = { previousState = { value = ["ALARM"] } } }]
    }
    error_message = "The rule matches ${aws_cloudwatch_event_rule.this.event_pattern}"
  }

  assert {
    condition     = aws_cloudwatch_event_target.this.arn == "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" && jsondecode(aws_cloudwatch_event_target.this.input) == { look_at_once = { segments = 4 } }
    error_message = "${aws_cloudwatch_event_target.this.arn} is told ${aws_cloudwatch_event_target.this.input}"
  }
}

run "only_this_rule_may_have_the_function_look_at_once" {
  command = plan

  module {
    source = "./modules/look-at-once"
  }

  variables {
    name       = "chat-look-at-once"
    function   = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    alarm_arns = ["arn:aws:cloudwatch:eu-central-1:111122223333:alarm:chat-disconnect-errors"]
  }

  assert {
    condition = (
      [aws_lambda_permission.this.principal, aws_lambda_permission.this.action, aws_lambda_permission.this.function_name] == ["events.amazonaws.com", "lambda:InvokeFunction", "chat-cleanup"]
      && aws_lambda_permission.this.source_arn == "arn:aws:events:eu-central-1:111122223333:rule/chat-look-at-once"
    )
    error_message = "${aws_lambda_permission.this.source_arn} may ${aws_lambda_permission.this.action}."
  }
}

run "the_report_queue_forgets_soon_takes_little_of_the_function_and_is_encrypted" {
  command = plan

  module {
    source = "./modules/report-queue"
  }

  variables {
    name             = "chat-reports"
    function_name    = "chat-cleanup"
    function_timeout = 120
    senders          = ["arn:aws:iam::444455556666:role/chat", "arn:aws:iam::444455556666:role/feed"]
  }

  assert {
    condition = (
      aws_sqs_queue.this.message_retention_seconds == 3600 && aws_sqs_queue.this.visibility_timeout_seconds == 720 && aws_sqs_queue.this.sqs_managed_sse_enabled
    )
    error_message = "The queue must keep a report for an hour, hide it for six time-outs of the function, and be encrypted."
  }

  assert {
    condition = (
      aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
      && aws_lambda_event_source_mapping.this.scaling_config[0].maximum_concurrency == 2
    )
    error_message = "Reports must fail one by one, and take two of the function's invocations at most."
  }

  assert {
    condition = jsondecode(aws_sqs_queue_policy.this.policy).Statement == [
      {
        Sid       = "DenyWithoutTLS", Effect = "Deny", Principal = "*", Action = "sqs:*", Resource = aws_sqs_queue.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "AllowSendersOfOtherAccounts", Effect = "Allow", Principal = { AWS = ["arn:aws:iam::444455556666:root"] }, Action = "sqs:SendMessage", Resource = aws_sqs_queue.this.arn
        Condition = { ArnEquals = { "aws:PrincipalArn" = ["arn:aws:iam::444455556666:role/chat", "arn:aws:iam::444455556666:role/feed"] } }
      },
    ]
    error_message = "The queue must refuse calls that come without TLS, and take reports of the other account's two roles: ${aws_sqs_queue_policy.this.policy}"
  }
}

run "the_retry_queue_reports_failures_one_by_one_and_gives_the_function_time" {
  command = plan

  module {
    source = "./modules/retry-queue"
  }

  variables {
    name             = "chat-retry"
    function_name    = "chat-cleanup"
    function_timeout = 120
    senders          = ["arn:aws:iam::111122223333:role/chat-disconnect", "arn:aws:iam::111122223333:role/on-call"]
  }

  override_resource {
    target          = aws_sqs_queue.dead_letter
    override_during = plan
    values          = { arn = "arn:aws:sqs:eu-central-1:111122223333:chat-retry-dead-letter", url = "https://sqs.eu-central-1.amazonaws.com/111122223333/chat-retry-dead-letter" }
  }

  assert {
    condition     = aws_lambda_event_source_mapping.this.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "Without ReportBatchItemFailures one bad message fails its whole batch."
  }

  assert {
    condition     = aws_sqs_queue.retry.visibility_timeout_seconds == 720
    error_message = "A message must stay invisible for six time-outs of the function, not ${aws_sqs_queue.retry.visibility_timeout_seconds} seconds."
  }

  assert {
    condition     = aws_sqs_queue.dead_letter.message_retention_seconds == 1209600 && aws_sqs_queue.retry.message_retention_seconds == 864000
    error_message = "The dead-letter queue must keep messages for 14 days, four longer than the retry queue."
  }

  assert {
    condition = (
      jsondecode(aws_sqs_queue_redrive_policy.retry.redrive_policy).deadLetterTargetArn == aws_sqs_queue.dead_letter.arn
      && aws_sqs_queue_redrive_policy.retry.queue_url == aws_sqs_queue.retry.url
      && jsondecode(aws_sqs_queue_redrive_allow_policy.dead_letter.redrive_allow_policy) == { redrivePermission = "byQueue", sourceQueueArns = [aws_sqs_queue.retry.arn] }
      && aws_sqs_queue_redrive_allow_policy.dead_letter.queue_url == aws_sqs_queue.dead_letter.url
    )
    error_message = "Only the retry queue may send to the dead-letter queue, and it must."
  }

  assert {
    condition     = alltrue([for queue in [aws_sqs_queue.retry, aws_sqs_queue.dead_letter] : queue.sqs_managed_sse_enabled])
    error_message = "Without a key of one's own the queues must be encrypted by SQS's."
  }

  assert {
    condition = alltrue([
      for name, queue in { retry = aws_sqs_queue.retry, dead_letter = aws_sqs_queue.dead_letter } :
      jsondecode(aws_sqs_queue_policy.this[name].policy).Statement[0] == {
        Sid       = "DenyWithoutTLS", Effect = "Deny", Principal = "*", Action = "sqs:*", Resource = queue.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }
    ])
    error_message = "Both queues must refuse calls that come without TLS."
  }

  assert {
    condition = {
      for name, policy in aws_sqs_queue_policy.this : name => slice(jsondecode(policy.policy).Statement, 1, length(jsondecode(policy.policy).Statement))
      } == {
      dead_letter = []
      retry = [{
        Sid       = "DenyOtherSenders", Effect = "Deny", Principal = "*", Action = "sqs:SendMessage", Resource = aws_sqs_queue.retry.arn
        Condition = { ArnNotLike = { "aws:PrincipalArn" = ["arn:aws:iam::111122223333:role/chat-disconnect", "arn:aws:iam::111122223333:role/on-call"] } }
      }]
    }
    error_message = "Nobody else may send to the retry queue: ${aws_sqs_queue_policy.this["retry"].policy}"
  }
}

run "text_logs_take_no_level" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name        = "chat-disconnect"
    description = "Removes records"
    handler     = "disconnect.lambda_handler"
    timeout     = 10
    logs        = { format = "Text" }
    role        = { path = "/service/", permissions_boundary_arn = "arn:aws:iam::111122223333:policy/boundary" }
  }

  assert {
    condition     = aws_lambda_function.this.logging_config[0].system_log_level == null
    error_message = "Lambda refuses a log level with the Text format."
  }

  assert {
    condition     = aws_iam_role.this.path == "/service/" && aws_iam_role.this.permissions_boundary == "arn:aws:iam::111122223333:policy/boundary"
    error_message = "The role's path or boundary is not what was given."
  }
}

run "a_package_of_ones_own_is_taken_as_it_is" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name        = "chat-connect"
    description = "Writes records"
    handler     = "connect.lambda_handler"
    timeout     = 10
    package     = { path = "examples/websocket-api/connect.zip" }
  }

  assert {
    condition     = aws_lambda_function.this.filename == "examples/websocket-api/connect.zip" && aws_lambda_function.this.source_code_hash == filebase64sha256("examples/websocket-api/connect.zip")
    error_message = "The function was packaged from ${aws_lambda_function.this.filename}."
  }
}

run "a_table_brought_along_is_not_created" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name         = "theirs"
    create       = false
    client_index = "byUser"
  }

  override_data {
    target = data.aws_dynamodb_table.this[0]
    values = {
      arn       = "arn:aws:dynamodb:eu-central-1:111122223333:table/theirs"
      hash_key  = "connectionId"
      range_key = ""
      attribute = [{ name = "connectionId", type = "S" }, { name = "clientId", type = "S" }]
      global_secondary_index = [{
        name = "byUser", hash_key = "clientId", range_key = "connectedAt", projection_type = "INCLUDE", non_key_attributes = ["apiId", "expiresAt", "lastSeenAt", "more", "stage"], read_capacity = 0, write_capacity = 0, on_demand_throughput = []
      }]
    }
  }

  assert {
    condition     = length(aws_dynamodb_table.this) == 0 && output.arn == "arn:aws:dynamodb:eu-central-1:111122223333:table/theirs"
    error_message = "The table must be the one brought along, not ${output.arn}."
  }

  assert {
    condition     = output.client_index_arn == "arn:aws:dynamodb:eu-central-1:111122223333:table/theirs/index/byUser"
    error_message = "The index must be the one of the table brought along, not ${output.client_index_arn}."
  }
}

run "a_table_with_another_key_is_refused" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name   = "theirs"
    create = false
  }

  override_data {
    target = data.aws_dynamodb_table.this[0]
    values = { hash_key = "id", range_key = "", attribute = [{ name = "id", type = "S" }], global_secondary_index = [] }
  }

  expect_failures = [output.name]
}

run "a_table_with_a_sort_key_is_refused" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name   = "theirs"
    create = false
  }

  override_data {
    target = data.aws_dynamodb_table.this[0]
    values = { hash_key = "connectionId", range_key = "connectedAt", attribute = [{ name = "connectionId", type = "S" }], global_secondary_index = [] }
  }

  expect_failures = [output.name]
}

run "a_table_whose_key_is_a_number_is_refused" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name   = "theirs"
    create = false
  }

  override_data {
    target = data.aws_dynamodb_table.this[0]
    values = { hash_key = "connectionId", range_key = "", attribute = [{ name = "connectionId", type = "N" }], global_secondary_index = [] }
  }

  expect_failures = [output.name]
}

run "a_table_without_the_clients_index_is_refused" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name         = "theirs"
    create       = false
    client_index = "byClient"
  }

  override_data {
    target = data.aws_dynamodb_table.this[0]
    values = { hash_key = "connectionId", range_key = "", attribute = [{ name = "connectionId", type = "S" }], global_secondary_index = [] }
  }

  expect_failures = [output.client_index_arn]
}

run "refuses_an_index_that_does_not_tell_whose_a_record_is" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name         = "theirs"
    create       = false
    client_index = "byClient"
  }

  override_data {
    target = data.aws_dynamodb_table.this[0]
    values = { hash_key = "connectionId", range_key = "", attribute = [{ name = "connectionId", type = "S" }], global_secondary_index = [{
      name = "byClient", hash_key = "clientId", range_key = "connectedAt", projection_type = "KEYS_ONLY", non_key_attributes = [], read_capacity = 0, write_capacity = 0, on_demand_throughput = []
    }] }
  }

  expect_failures = [output.client_index_arn]
}
