# The same for each small module used alone: every variable listed under expect_failures is wrong, and must be refused.

mock_provider "aws" {}

run "connections_table_takes_names_and_key_arns_only" {
  command = plan

  module {
    source = "./modules/connections-table"
  }

  variables {
    name         = "a b"
    client_index = "a b"
    kms_key_arn  = "alias/chat"
  }

  expect_failures = [var.name, var.client_index, var.kms_key_arn]
}

run "history_table_takes_names_and_key_arns_only" {
  command = plan

  module {
    source = "./modules/history-table"
  }

  variables {
    name        = "a b"
    kms_key_arn = "alias/chat"
  }

  expect_failures = [var.name, var.kms_key_arn]
}

run "lambda_function_takes_what_lambda_takes_only" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    description          = "Removes records"
    name                 = "a b"
    handler              = "disconnect"
    package              = { path = "./no-such.zip" }
    runtime              = "python2.7"
    architecture         = "arm"
    memory_size          = 64
    timeout              = 901
    reserved_concurrency = 0
    logs                 = { retention_days = 31 }
    kms_key_arn          = "alias/chat"
    layers               = ["arn:aws:lambda:eu-central-1:111122223333:layer:extension"]
    tracing              = "active"
    vpc                  = { subnet_ids = ["subnet-1"], security_group_ids = ["default"] }
  }

  expect_failures = [var.name, var.handler, var.package, var.runtime, var.architecture, var.memory_size, var.timeout, var.reserved_concurrency, var.logs, var.kms_key_arn, var.layers, var.tracing, var.vpc]
}

run "lambda_function_takes_one_package_some_subnets_and_paths_only" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name        = "chat-disconnect"
    description = "Removes records"
    handler     = "disconnect.lambda_handler"
    timeout     = 10
    package     = {}
    vpc         = { subnet_ids = [], security_group_ids = ["sg-1"] }
    logs        = { class = "DELIVERY" }
    role        = { path = "service" }
  }

  expect_failures = [var.package, var.vpc, var.logs, var.role]
}

run "lambda_function_takes_the_arn_of_a_log_group_and_a_zip_that_can_be_signed_only" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name                    = "chat-disconnect"
    description             = "Removes records"
    handler                 = "disconnect.lambda_handler"
    timeout                 = 10
    code_signing_config_arn = "arn:aws:lambda:eu-central-1:111122223333:code-signing-config:csc-0123456789abcdef0"
    logs                    = { group = { name = "/platform/chat", arn = "/platform/chat" } }
    role                    = { name_suffix = "/eu" }
  }

  expect_failures = [var.code_signing_config_arn, var.logs, var.role]
}

run "lambda_function_leaves_a_log_group_brought_along_to_its_owner" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name        = "chat-disconnect"
    description = "Removes records"
    handler     = "disconnect.lambda_handler"
    timeout     = 10
    logs        = { skip_destroy = true, group = { name = "/platform/chat", arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat" } }
    package     = { path = "./main.tf" }

    code_signing_config_arn = "csc-0123456789abcdef0"
  }

  expect_failures = [var.logs, var.code_signing_config_arn]
}

run "lambda_function_takes_known_log_formats_and_policies_only" {
  command = plan

  module {
    source = "./modules/lambda-function"
  }

  variables {
    name        = "chat-disconnect"
    description = "Removes records"
    handler     = "disconnect.lambda_handler"
    timeout     = 10
    logs        = { format = "json" }
    role        = { permissions_boundary_arn = "boundary" }
  }

  expect_failures = [var.logs, var.role]
}

run "disconnect_route_takes_the_apis_own_execution_arn_only" {
  command = plan

  module {
    source = "./modules/disconnect-route"
  }

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/live" }
    function      = { name = "chat", invoke_arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat" }
  }

  expect_failures = [var.websocket_api, var.function]
}

run "disconnect_route_takes_ids_only" {
  command = plan

  module {
    source = "./modules/disconnect-route"
  }

  variables {
    function      = { name = "chat", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:chat/invocations" }
    websocket_api = { id = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3" }
  }

  expect_failures = [var.websocket_api]
}

run "disconnect_route_takes_names_of_stages_only" {
  command = plan

  module {
    source = "./modules/disconnect-route"
  }

  variables {
    function      = { name = "chat", invoke_arn = "arn:aws:apigateway:eu-central-1:lambda:path/2015-03-31/functions/arn:aws:lambda:eu-central-1:111122223333:function:chat/invocations" }
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "a b" }
  }

  expect_failures = [var.websocket_api]
}

run "retry_queue_takes_what_sqs_takes_only" {
  command = plan

  module {
    source = "./modules/retry-queue"
  }

  variables {
    function_name       = "chat-cleanup"
    name                = "chat.fifo"
    function_timeout    = 120
    senders             = ["arn:aws:iam::aws:role/chat"]
    max_receive_count   = 4
    maximum_concurrency = 1
    kms_key_arn         = "alias/chat"
  }

  expect_failures = [var.senders, var.name, var.max_receive_count, var.maximum_concurrency, var.kms_key_arn]
}

run "sweep_takes_what_the_scheduler_takes_only" {
  command = plan

  module {
    source = "./modules/sweep"
  }

  variables {
    name        = "a b"
    function    = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup:7" }
    schedule    = "every 5 minutes"
    segments    = 101
    kms_key_arn = "alias/chat"
  }

  expect_failures = [var.name, var.function, var.schedule, var.segments, var.kms_key_arn]
}

run "sweep_takes_paths_of_roles_only" {
  command = plan

  module {
    source = "./modules/sweep"
  }

  variables {
    name     = "chat-sweep"
    function = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    role     = { path = "service" }
  }

  expect_failures = [var.role]
}

run "sweep_takes_endings_of_names_that_roles_take_only" {
  command = plan

  module {
    source = "./modules/sweep"
  }

  variables {
    name     = "chat-sweep"
    function = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    role     = { name_suffix = "/eu" }
  }

  expect_failures = [var.role]
}

run "sweep_takes_policies_as_boundary_only" {
  command = plan

  module {
    source = "./modules/sweep"
  }

  variables {
    name     = "chat-sweep"
    function = { name = "chat-cleanup", arn = "arn:aws:lambda:eu-central-1:111122223333:function:chat-cleanup" }
    role     = { permissions_boundary_arn = "boundary" }
  }

  expect_failures = [var.role]
}

run "monitoring_takes_what_cloudwatch_takes_only" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    functions       = { disconnect = { name = "chat-disconnect", timeout = 10, log_group_name = "/aws/lambda/chat-disconnect" } }
    log_group_names = []
    name            = "a b"
    sweep           = { period_seconds = 90, segments = 1 }
    alarm_actions   = ["ops@example.com"]
    dashboard       = true
  }

  expect_failures = [var.name, var.log_group_names, var.sweep, var.alarm_actions, var.region]
}

run "monitoring_takes_a_sweep_only_with_the_function_that_does_it" {
  command = plan

  module {
    source = "./modules/monitoring"
  }

  variables {
    functions       = { disconnect = { name = "chat-disconnect", timeout = 10, log_group_name = "/aws/lambda/chat-disconnect" } }
    log_group_names = ["/aws/lambda/chat-disconnect"]
    name            = "chat"
    sweep           = { period_seconds = 300, segments = 1 }
  }

  expect_failures = [var.sweep]
}

run "retry_queue_refuses_attempts_that_outlive_their_message" {
  command = plan

  module {
    source = "./modules/retry-queue"
  }

  variables {
    name              = "chat-retry"
    function_name     = "chat-cleanup"
    function_timeout  = 900
    senders           = ["arn:aws:iam::111122223333:role/chat-disconnect"]
    max_receive_count = 160
  }

  expect_failures = [var.max_receive_count]
}

run "retry_queue_takes_lambdas_time_outs_only" {
  command = plan

  module {
    source = "./modules/retry-queue"
  }

  variables {
    name             = "chat-retry"
    function_name    = "chat-cleanup"
    function_timeout = 901
    senders          = ["arn:aws:iam::111122223333:role/chat-disconnect"]
  }

  expect_failures = [var.function_timeout]
}

run "look_at_once_takes_alarms_and_a_function_only" {
  command = plan

  module {
    source = "./modules/look-at-once"
  }

  variables {
    name       = "a b"
    function   = { name = "chat-cleanup", arn = "chat-cleanup" }
    segments   = 0
    alarm_arns = ["chat-disconnect-errors"]
  }

  expect_failures = [var.name, var.function, var.segments, var.alarm_arns]
}

run "report_queue_takes_what_sqs_and_lambda_take_only" {
  command = plan

  module {
    source = "./modules/report-queue"
  }

  variables {
    name             = "chat reports"
    function_name    = "chat-cleanup"
    function_timeout = 901
    kms_key_arn      = "arn:aws:kms:eu-central-1:111122223333:alias/chat"
  }

  expect_failures = [var.name, var.function_timeout, var.kms_key_arn]
}
