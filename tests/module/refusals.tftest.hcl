# Every input that can be wrong, refused at plan time. What the messages say is read, not tested.

mock_provider "aws" {}

variables {
  name = "chat"
  websocket_api = {
    id            = "a1b2c3"
    execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3"
  }
  connections_table = { name = "chat-connections" }
}

run "refuses_a_name_with_a_space" {
  command = plan

  variables {
    name = "chat prod"
  }

  expect_failures = [var.name]
}

run "refuses_a_name_too_long_for_the_roles" {
  command = plan

  variables {
    name = "a2345678901234567890123456789012345678901"
  }

  expect_failures = [var.name]
}

run "refuses_the_apis_name_as_its_id" {
  command = plan

  variables {
    websocket_api = { id = "Chat", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:Chat" }
  }

  expect_failures = [var.websocket_api]
}

run "refuses_the_arn_of_the_rest_resource_instead_of_the_execution_arn" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:apigateway:eu-central-1::/apis/a1b2c3" }
  }

  expect_failures = [var.websocket_api]
}

run "refuses_the_execution_arn_of_a_stage" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/live" }
  }

  expect_failures = [var.websocket_api]
}

run "refuses_the_execution_arn_of_another_api" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:zzzzzz" }
  }

  expect_failures = [var.websocket_api]
}

run "refuses_a_stage_that_is_an_arn" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/live" }
  }

  expect_failures = [var.websocket_api]
}

run "refuses_an_arn_as_the_tables_name" {
  command = plan

  variables {
    connections_table = { name = "arn:aws:dynamodb:eu-central-1:111122223333:table/chat" }
  }

  expect_failures = [var.connections_table]
}

run "refuses_an_index_name_with_a_space" {
  command = plan

  variables {
    connections_table = { name = "chat-connections", client_index = "by client" }
  }

  expect_failures = [var.connections_table]
}

run "refuses_an_alias_instead_of_a_key" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:alias/chat"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_a_key_id_without_its_arn" {
  command = plan

  variables {
    kms_key_arn = "8ae0f435-e51d-450b-b637-1963f70b9a8f"
  }

  expect_failures = [var.kms_key_arn]
}

run "refuses_too_little_memory" {
  command = plan

  variables {
    function = { memory_size = 255 }
  }

  expect_failures = [var.function]
}

run "refuses_a_time_out_shorter_than_the_retries" {
  command = plan

  variables {
    function = { timeout = 9 }
  }

  expect_failures = [var.function]
}

run "refuses_a_time_out_longer_than_the_gateway_waits" {
  command = plan

  variables {
    function = { timeout = 30 }
  }

  expect_failures = [var.function]
}

run "refuses_a_reserved_concurrency_that_stops_the_function" {
  command = plan

  variables {
    function = { reserved_concurrency = 0 }
  }

  expect_failures = [var.function]
}

run "refuses_an_unknown_architecture" {
  command = plan

  variables {
    function = { architecture = "arm" }
  }

  expect_failures = [var.function]
}

run "refuses_a_runtime_that_is_not_python" {
  command = plan

  variables {
    function = { runtime = "nodejs22.x" }
  }

  expect_failures = [var.function]
}

run "refuses_a_package_that_is_not_there" {
  command = plan

  variables {
    function = { package = { path = "./no-such.zip" } }
  }

  expect_failures = [var.function]
}

run "refuses_too_little_memory_to_clean_up" {
  command = plan

  variables {
    cleanup_function = { memory_size = 64 }
  }

  expect_failures = [var.cleanup_function]
}

run "refuses_too_little_time_to_clean_up" {
  command = plan

  variables {
    cleanup_function = { timeout = 59 }
  }

  expect_failures = [var.cleanup_function]
}

run "refuses_more_time_to_clean_up_than_lambda_gives" {
  command = plan

  variables {
    cleanup_function = { timeout = 901 }
  }

  expect_failures = [var.cleanup_function]
}

run "refuses_a_reserved_concurrency_below_what_the_queue_hands_out" {
  command = plan

  variables {
    cleanup_function = { reserved_concurrency = 5 }
  }

  expect_failures = [var.cleanup_function]
}

run "refuses_a_reserved_concurrency_that_reports_and_the_look_at_once_use_up" {
  command = plan

  variables {
    websocket_api    = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    cleanup_function = { reserved_concurrency = 8 }
    sweep            = { probe = { report_queue = true } }
    monitoring       = {}
  }

  expect_failures = [var.cleanup_function]
}

run "refuses_a_retention_that_cloudwatch_does_not_know" {
  command = plan

  variables {
    logs = { retention_days = 31 }
  }

  expect_failures = [var.logs]
}

run "refuses_an_unknown_log_format" {
  command = plan

  variables {
    logs = { format = "json" }
  }

  expect_failures = [var.logs]
}

run "refuses_an_unknown_privacy_setting" {
  command = plan

  variables {
    logs = { client_details = "none" }
  }

  expect_failures = [var.logs]
}

run "refuses_a_role_path_without_its_slashes" {
  command = plan

  variables {
    role = { path = "service" }
  }

  expect_failures = [var.role]
}

run "refuses_a_boundary_that_is_no_policy" {
  command = plan

  variables {
    role = { permissions_boundary_arn = "arn:aws:iam::111122223333:role/boundary" }
  }

  expect_failures = [var.role]
}

run "refuses_too_few_tries" {
  command = plan

  variables {
    retry_queue = { max_receive_count = 4 }
  }

  expect_failures = [var.retry_queue]
}

run "refuses_a_concurrency_that_lambda_does_not_take" {
  command = plan

  variables {
    retry_queue = { maximum_concurrency = 1 }
  }

  expect_failures = [var.retry_queue]
}

run "refuses_operators_of_another_account" {
  command = plan

  variables {
    retry_queue = { operators = ["arn:aws:iam::444455556666:role/on-call"] }
  }

  expect_failures = [var.retry_queue]
}

run "refuses_report_senders_that_are_no_roles" {
  command = plan

  variables {
    sweep = { probe = { report_queue = true, report_senders = ["444455556666"] } }
  }

  expect_failures = [var.sweep]
}

run "refuses_report_senders_without_the_report_queue" {
  command = plan

  variables {
    sweep = { probe = { report_senders = ["arn:aws:iam::444455556666:role/chat"] } }
  }

  expect_failures = [var.sweep]
}

run "refuses_to_begin_above_the_highest_rate" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    sweep         = { probe = { per_second = 20, most_per_second = 10 } }
  }

  expect_failures = [var.sweep]
}

run "refuses_more_than_a_tenth_of_the_accounts_requests" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    sweep         = { probe = { most_per_second = 1001 } }
  }

  expect_failures = [var.sweep]
}

run "refuses_half_a_probe_a_second" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    sweep         = { probe = { per_second = 2.5 } }
  }

  expect_failures = [var.sweep]
}

run "refuses_fewer_probes_a_second_than_segments" {
  command = plan

  variables {
    sweep = { segments = 4, probe = { per_second = 3 } }
  }

  expect_failures = [var.sweep]
}

run "refuses_a_sweep_without_the_retry_queue" {
  command = plan

  variables {
    retry_queue = { enabled = false }
  }

  expect_failures = [var.sweep]
}

run "refuses_a_cron_schedule" {
  command = plan

  variables {
    sweep = { schedule = "cron(0/5 * * * ? *)" }
  }

  expect_failures = [var.sweep]
}

run "refuses_a_schedule_longer_than_a_day" {
  command = plan

  variables {
    sweep = { schedule = "rate(25 hours)" }
  }

  expect_failures = [var.sweep]
}

run "refuses_no_segments" {
  command = plan

  variables {
    sweep = { segments = 0 }
  }

  expect_failures = [var.sweep]
}

run "refuses_half_a_segment" {
  command = plan

  variables {
    sweep = { segments = 1.5 }
  }

  expect_failures = [var.sweep]
}

run "refuses_an_expiry_before_the_two_hours_are_over" {
  command = plan

  variables {
    sweep = { expired_after_seconds = 7200 }
  }

  expect_failures = [var.sweep]
}

run "refuses_a_probe_without_a_stage" {
  command = plan

  variables {
    sweep = { probe = {} }
  }

  expect_failures = [var.sweep]
}

run "refuses_a_probe_that_never_asks" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    sweep         = { probe = { per_second = 0 } }
  }

  expect_failures = [var.sweep]
}

run "refuses_a_suspicion_before_the_idle_time_out" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    sweep         = { probe = { suspect_after_seconds = 600 } }
  }

  expect_failures = [var.sweep]
}

run "refuses_related_tables_without_the_retry_queue" {
  command = plan

  variables {
    retry_queue    = { enabled = false }
    sweep          = { enabled = false }
    related_tables = [{ name = "rooms" }]
  }

  expect_failures = [var.related_tables]
}

run "refuses_the_arn_of_a_related_table" {
  command = plan

  variables {
    related_tables = [{ name = "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms" }]
  }

  expect_failures = [var.related_tables]
}

run "refuses_a_related_table_named_twice" {
  command = plan

  variables {
    related_tables = [{ name = "rooms" }, { name = "rooms", index = "byConnection" }]
  }

  expect_failures = [var.related_tables]
}

run "refuses_the_connections_table_as_related" {
  command = plan

  variables {
    related_tables = [{ name = "chat-connections" }]
  }

  expect_failures = [var.related_tables]
}

run "refuses_more_related_tables_than_a_disconnect_can_bear" {
  command = plan

  variables {
    related_tables = [for n in range(11) : { name = "rooms-${n}" }]
  }

  expect_failures = [var.related_tables]
}

run "refuses_history_without_the_retry_queue" {
  command = plan

  variables {
    retry_queue = { enabled = false }
    sweep       = { enabled = false }
    history     = {}
  }

  expect_failures = [var.history]
}

run "refuses_an_arn_as_the_history_tables_name" {
  command = plan

  variables {
    history = { table_name = "arn:aws:dynamodb:eu-central-1:111122223333:table/history" }
  }

  expect_failures = [var.history]
}

run "refuses_the_connections_table_as_history" {
  command = plan

  variables {
    history = { table_name = "chat-connections" }
  }

  expect_failures = [var.history]
}

run "refuses_history_kept_for_no_time" {
  command = plan

  variables {
    history = { retention_days = 0 }
  }

  expect_failures = [var.history]
}

run "refuses_an_unknown_rule_for_duplicates" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    duplicates    = "oldest"
  }

  expect_failures = [var.duplicates]
}

run "refuses_duplicates_without_a_stage" {
  command = plan

  variables {
    duplicates = "stale"
  }

  expect_failures = [var.duplicates]
}

run "refuses_duplicates_without_the_retry_queue" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
    retry_queue   = { enabled = false }
    sweep         = { enabled = false }
    duplicates    = "stale"
  }

  expect_failures = [var.duplicates]
}

run "refuses_an_alarm_action_that_is_no_arn" {
  command = plan

  variables {
    monitoring = { alarm_actions = ["ops@example.com"] }
  }

  expect_failures = [var.monitoring]
}

run "refuses_attempts_that_outlive_their_message" {
  command = plan

  variables {
    retry_queue = { max_receive_count = 831 }
  }

  expect_failures = [var.cleanup_function]
}

run "refuses_a_package_that_is_nowhere" {
  command = plan

  variables {
    function = { package = {} }
  }

  expect_failures = [var.function]
}

run "refuses_a_package_in_two_places" {
  command = plan

  variables {
    function = { package = { path = "./variables.tf", s3 = { bucket = "packages", key = "disconnect.zip" } } }
  }

  expect_failures = [var.function]
}

run "refuses_a_layer_without_its_version" {
  command = plan

  variables {
    function = { layers = ["arn:aws:lambda:eu-central-1:111122223333:layer:extension"] }
  }

  expect_failures = [var.function]
}

run "refuses_more_layers_than_lambda_takes" {
  command = plan

  variables {
    function = { layers = [for n in range(6) : "arn:aws:lambda:eu-central-1:111122223333:layer:extension:${n}"] }
  }

  expect_failures = [var.function]
}

run "refuses_a_variable_of_the_modules_own" {
  command = plan

  variables {
    function = { environment = { HISTORY_TABLE = "mine" } }
  }

  expect_failures = [var.function]
}

run "refuses_a_variable_that_lambda_sets" {
  command = plan

  variables {
    function = { environment = { AWS_REGION = "eu-central-1" } }
  }

  expect_failures = [var.function]
}

run "refuses_a_variable_that_lambda_does_not_take" {
  command = plan

  variables {
    function = { environment = { "DD-SITE" = "datadoghq.eu" } }
  }

  expect_failures = [var.function]
}

run "refuses_an_unknown_tracing_mode" {
  command = plan

  variables {
    function = { tracing = "active" }
  }

  expect_failures = [var.function]
}

run "refuses_a_code_signing_config_by_its_id" {
  command = plan

  variables {
    function = { package = { path = "./variables.tf" }, code_signing_config_arn = "csc-0123456789abcdef0" }
  }

  expect_failures = [var.function]
}

run "refuses_to_sign_a_zip_that_is_not_the_consumers" {
  command = plan

  variables {
    function = { code_signing_config_arn = "arn:aws:lambda:eu-central-1:111122223333:code-signing-config:csc-0123456789abcdef0" }
  }

  expect_failures = [var.function]
}

run "refuses_a_vpc_without_subnets" {
  command = plan

  variables {
    vpc = { subnet_ids = [], security_group_ids = ["sg-0123456789abcdef0"] }
  }

  expect_failures = [var.vpc]
}

run "refuses_the_arn_of_a_subnet" {
  command = plan

  variables {
    vpc = { subnet_ids = ["arn:aws:ec2:eu-central-1:111122223333:subnet/subnet-0123456789abcdef0"], security_group_ids = ["sg-0123456789abcdef0"] }
  }

  expect_failures = [var.vpc]
}

run "refuses_a_vpc_without_security_groups" {
  command = plan

  variables {
    vpc = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = [] }
  }

  expect_failures = [var.vpc]
}

run "refuses_the_name_of_a_security_group" {
  command = plan

  variables {
    vpc = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = ["default"] }
  }

  expect_failures = [var.vpc]
}

run "refuses_more_security_groups_than_lambda_takes" {
  command = plan

  variables {
    vpc = { subnet_ids = ["subnet-0123456789abcdef0"], security_group_ids = [for n in range(6) : "sg-${n}"] }
  }

  expect_failures = [var.vpc]
}

run "refuses_an_unknown_log_level" {
  command = plan

  variables {
    logs = { level = "DEBUG" }
  }

  expect_failures = [var.logs]
}

run "refuses_an_unknown_log_class" {
  command = plan

  variables {
    logs = { class = "DELIVERY" }
  }

  expect_failures = [var.logs]
}

run "refuses_to_keep_a_log_group_that_is_not_its_own" {
  command = plan

  variables {
    logs = { skip_destroy = true, group = { name = "/platform/chat", arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat" } }
  }

  expect_failures = [var.logs]
}

run "refuses_the_arn_of_a_log_groups_streams" {
  command = plan

  variables {
    logs = { group = { name = "/platform/chat", arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat:*" } }
  }

  expect_failures = [var.logs]
}

run "refuses_an_ending_that_roles_dont_take" {
  command = plan

  variables {
    role = { name_suffix = "/eu" }
  }

  expect_failures = [var.role]
}

run "refuses_an_ending_that_makes_a_roles_name_too_long" {
  command = plan

  variables {
    name = "a-name-of-forty-letters-that-is-the-most"
    role = { name_suffix = "-ap-southeast-2" }
  }

  expect_failures = [var.role]
}

run "refuses_an_alarm_action_for_instances" {
  command = plan

  variables {
    monitoring = { alarm_actions = ["arn:aws:automate:eu-central-1:ec2:reboot"] }
  }

  expect_failures = [var.monitoring]
}

run "refuses_more_alarm_actions_than_cloudwatch_takes" {
  command = plan

  variables {
    monitoring = { alarm_actions = [for n in range(6) : "arn:aws:sns:eu-central-1:111122223333:pager-${n}"] }
  }

  expect_failures = [var.monitoring]
}

run "refuses_alarms_on_log_groups_that_make_no_metrics" {
  command = plan

  variables {
    monitoring = {}
    logs       = { class = "INFREQUENT_ACCESS" }
  }

  expect_failures = [var.monitoring]
}

run "refuses_alarms_on_a_log_group_brought_along_that_makes_none" {
  command = plan

  variables {
    monitoring = {}
    logs       = { group = { name = "/platform/chat", arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat", log_group_class = "INFREQUENT_ACCESS" } }
  }

  expect_failures = [var.monitoring]
}

run "refuses_the_name_of_a_bus_instead_of_its_arn" {
  command = plan

  variables {
    events = { bus_arn = "chat" }
  }

  expect_failures = [var.events]
}

run "refuses_a_bus_in_another_region" {
  command = plan

  variables {
    events = { bus_arn = "arn:aws:events:us-east-1:111122223333:event-bus/chat" }
  }

  expect_failures = [var.events]
}

run "refuses_to_wait_longer_than_a_message_can" {
  command = plan

  variables {
    events = { client_offline_after_seconds = 899 }
  }

  expect_failures = [var.events]
}

run "refuses_to_wait_for_part_of_a_second" {
  command = plan

  variables {
    events = { client_offline_after_seconds = 1.5 }
  }

  expect_failures = [var.events]
}

run "refuses_to_wait_for_no_time" {
  command = plan

  variables {
    events = { client_offline_after_seconds = 0 }
  }

  expect_failures = [var.events]
}

run "refuses_announcements_without_the_retry_queue" {
  command = plan

  variables {
    events      = {}
    retry_queue = { enabled = false }
    sweep       = { enabled = false }
  }

  expect_failures = [var.events]
}
