# The whole policy of each role, feature by feature: a permission more or less fails here. What each statement says is in the last runs.

mock_provider "aws" {
  source          = "./tests/module/mocks"
  override_during = plan
}

variables {
  name = "chat"
  websocket_api = {
    id            = "a1b2c3"
    execution_arn = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3"
    stage         = "live"
  }
  connections_table = { name = "chat-connections" }
}

override_resource {
  target          = module.retry_queue[0].aws_sqs_queue.dead_letter
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-central-1:111122223333:chat-retry-dead-letter"
    url = "https://sqs.eu-central-1.amazonaws.com/111122223333/chat-retry-dead-letter"
  }
}

override_resource {
  target          = module.report_queue[0].aws_sqs_queue.this
  override_during = plan
  values = {
    arn = "arn:aws:sqs:eu-central-1:111122223333:chat-reports"
    url = "https://sqs.eu-central-1.amazonaws.com/111122223333/chat-reports"
  }
}

override_resource {
  target          = module.history_table[0].aws_dynamodb_table.this
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-history" }
}

override_resource {
  target          = module.offline_table[0].aws_dynamodb_table.this
  override_during = plan
  values          = { arn = "arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-offline" }
}

override_module {
  target = module.related_table[0]
  outputs = {
    setting     = {}
    arn         = "arn:aws:dynamodb:eu-central-1:111122223333:table/subscriptions"
    query_arn   = "arn:aws:dynamodb:eu-central-1:111122223333:table/subscriptions"
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/theirs"
  }
}

override_module {
  target = module.related_table[1]
  outputs = {
    setting     = {}
    arn         = "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms"
    query_arn   = "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms/index/byMember"
    kms_key_arn = null
  }
}

run "by_default" {
  command = plan

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "without_the_retry_queue" {
  command = plan

  variables {
    retry_queue = { enabled = false }
    sweep       = { enabled = false }
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }
}

run "without_the_sweep_nothing_is_sent_by_the_cleanup_function" {
  command = plan

  variables {
    sweep = { enabled = false }
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "without_the_sweep_extras_that_fail_are_sent" {
  command = plan

  variables {
    sweep   = { enabled = false }
    history = {}
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord WriteHistory SendRetries ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "with_the_probe" {
  command = plan

  variables {
    sweep = { probe = {} }
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries ProbeConnections ReadSuspects ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }

  assert {
    condition     = !contains(keys(local.cleanup_environment), "EXCLUSIVE_TABLE")
    error_message = "Only who says so has the table alone."
  }
}

run "the_function_is_told_how_fast_to_ask_and_that_the_table_is_the_stages_alone" {
  command = plan

  variables {
    sweep = { probe = { exclusive_table = true } }
  }

  assert {
    condition = { for name in ["PROBES_PER_SECOND", "MOST_PROBES_PER_SECOND", "SUSPECT_AFTER_SECONDS", "EXCLUSIVE_TABLE"] : name => local.cleanup_environment[name] } == {
      PROBES_PER_SECOND = "10", MOST_PROBES_PER_SECOND = "300", SUSPECT_AFTER_SECONDS = "660", EXCLUSIVE_TABLE = "true"
    }
    error_message = "The function is told ${jsonencode(local.cleanup_environment)}"
  }
}

run "with_reports_from_senders" {
  command = plan

  variables {
    sweep = { probe = { report_queue = true } }
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord SendRetries ProbeConnections ReadSuspects ScanRecords ReceiveReports ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }

  assert {
    condition = jsondecode(output.report_gone.policy_json).Statement == [
      { Sid = "ReportGone", Effect = "Allow", Action = "sqs:SendMessage", Resource = "arn:aws:sqs:eu-central-1:111122223333:chat-reports" },
    ]
    error_message = "Senders may: ${output.report_gone.policy_json}"
  }

  assert {
    condition     = [output.report_gone.queue_url, output.report_gone.queue_arn] == ["https://sqs.eu-central-1.amazonaws.com/111122223333/chat-reports", "arn:aws:sqs:eu-central-1:111122223333:chat-reports"]
    error_message = "Senders are sent to ${output.report_gone.queue_url}."
  }
}

run "with_related_tables" {
  command = plan

  variables {
    related_tables = [{ name = "subscriptions" }]
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord FindRelated RemoveRelated DecryptTables SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord FindRelated RemoveRelated DecryptTables SendRetries ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "with_history" {
  command = plan

  variables {
    history = {}
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord WriteHistory SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord WriteHistory SendRetries ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "with_stale_duplicates" {
  command = plan

  variables {
    duplicates = "stale"
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord SendRetries FindClientsRecords ProbeConnections ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "with_newest_duplicates" {
  command = plan

  variables {
    duplicates = "newest"
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord SendRetries FindClientsRecords ProbeConnections CloseDuplicates ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "with_announcements" {
  command = plan

  variables {
    events = {}
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord Announce SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord Announce SendRetries ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }

  assert {
    condition     = local.announce.resources == ["arn:aws:events:eu-central-1:111122223333:event-bus/default"]
    error_message = "The functions announce on ${jsonencode(local.announce.resources)}"
  }

  assert {
    condition     = module.connections_table.client_index_arn == null
    error_message = "Telling who left needs no index; it is paid for with each record written."
  }
}

run "with_clients_that_are_offline" {
  command = plan

  variables {
    events = { bus_arn = "arn:aws:events:eu-central-1:444455556666:event-bus/chat", client_offline_after_seconds = 60 }
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord FindClientsRecords Announce NoteAbsences SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs RemoveRecord ReadRecord FindClientsRecords Announce NoteAbsences SendRetries ReadSuspects ReadAbsences ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }

  assert {
    condition = [
      for told in [local.disconnect_environment, local.cleanup_environment] :
      { for name in ["EVENT_BUS", "CLIENT_OFFLINE_AFTER_SECONDS", "CLIENT_INDEX", "OFFLINE_TABLE", "WEBSOCKET_API_ID", "WEBSOCKET_STAGE"] : name => told[name] }
      ] == [for function in ["disconnect", "cleanup"] : {
        EVENT_BUS                    = "arn:aws:events:eu-central-1:444455556666:event-bus/chat"
        CLIENT_OFFLINE_AFTER_SECONDS = "60"
        CLIENT_INDEX                 = "byClient"
        OFFLINE_TABLE                = "chat-connections-offline"
        WEBSOCKET_API_ID             = "a1b2c3"
        WEBSOCKET_STAGE              = "live"
    }]
    error_message = "The functions are told: ${jsonencode(local.disconnect_environment)}"
  }
}

run "with_a_key_of_ones_own" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:111122223333:key/ours"
  }

  assert {
    condition     = join(" ", jsondecode(module.disconnect.policy).Statement[*].Sid) == "WriteLogs DecryptEnvironment RemoveRecord DecryptTables EncryptMessages SendRetries"
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = join(" ", jsondecode(module.cleanup[0].policy).Statement[*].Sid) == "WriteLogs DecryptEnvironment RemoveRecord DecryptTables EncryptMessages SendRetries ScanRecords ReceiveRetries SendDeadLetters"
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "with_a_table_brought_along_that_has_a_key" {
  command = plan

  override_module {
    target = module.connections_table
    outputs = {
      name             = "chat-connections"
      arn              = "arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"
      client_index_arn = null
      kms_key_arn      = "arn:aws:kms:eu-central-1:111122223333:key/theirs"
    }
  }

  assert {
    condition = [for s in jsondecode(module.disconnect.policy).Statement : s if strcontains(s.Action[0], "kms")] == [
      { Sid = "DecryptTables", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/theirs"], Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com"] } } },
    ]
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }
}

run "in_a_vpc_with_traces_and_a_log_group_brought_along" {
  command = plan

  variables {
    vpc      = { subnet_ids = ["subnet-a1", "subnet-b2"], security_group_ids = ["sg-c3"] }
    function = { tracing = "Active" }
    logs     = { group = { name = "/platform/chat", arn = "arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat" } }
  }

  assert {
    condition = jsondecode(module.disconnect.policy).Statement == [
      { Sid = "WriteLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:eu-central-1:111122223333:log-group:/platform/chat:*"] },
      { Sid = "Trace", Effect = "Allow", Action = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"], Resource = ["*"] },
      { Sid = "CreateNetworkInterfaces", Effect = "Allow", Action = ["ec2:CreateNetworkInterface"], Resource = ["arn:aws:ec2:eu-central-1:111122223333:network-interface/*", "arn:aws:ec2:eu-central-1:*:subnet/subnet-a1", "arn:aws:ec2:eu-central-1:*:subnet/subnet-b2", "arn:aws:ec2:eu-central-1:*:security-group/sg-c3"] },
      { Sid = "RemoveNetworkInterfaces", Effect = "Allow", Action = ["ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses"], Resource = ["arn:aws:ec2:eu-central-1:111122223333:*/*"] },
      { Sid = "FindNetworkInterfaces", Effect = "Allow", Action = ["ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], Resource = ["*"] },
      { Sid = "NotByTheFunctionsCode", Effect = "Deny", Action = ["ec2:CreateNetworkInterface", "ec2:AssignPrivateIpAddresses", "ec2:DeleteNetworkInterface", "ec2:UnassignPrivateIpAddresses", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"], Resource = ["*"], Condition = { ArnEquals = { "lambda:SourceFunctionArn" = ["arn:aws:lambda:eu-central-1:111122223333:function:chat-disconnect"] } } },
      { Sid = "RemoveRecord", Effect = "Allow", Action = ["dynamodb:DeleteItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"] },
      { Sid = "SendRetries", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:chat-retry"] },
    ]
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition     = jsonencode(slice(jsondecode(replace(module.cleanup[0].policy, "chat-cleanup", "chat-disconnect")).Statement, 0, 6)) == jsonencode(slice(jsondecode(module.disconnect.policy).Statement, 0, 6))
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }
}

run "another_partition_has_its_own_endpoint" {
  command = plan

  variables {
    websocket_api = { id = "a1b2c3", execution_arn = "arn:aws-eusc:execute-api:eu-central-1:111122223333:a1b2c3", stage = "live" }
  }

  assert {
    condition     = local.cleanup_environment["AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI"] == "https://a1b2c3.execute-api.eu-central-1.amazonaws.eu/live"
    error_message = "The function is told ${jsonencode(local.cleanup_environment)}"
  }
}

run "with_everything" {
  command = plan

  variables {
    kms_key_arn    = "arn:aws:kms:eu-central-1:111122223333:key/ours"
    related_tables = [{ name = "subscriptions" }, { name = "rooms", index = "byMember", connection_id_attribute = "member" }]
    history        = {}
    duplicates     = "newest"
    events         = { bus_arn = "arn:aws:events:eu-central-1:444455556666:event-bus/chat", client_offline_after_seconds = 60 }
    sweep          = { probe = { report_queue = true } }
  }

  assert {
    condition = jsondecode(module.disconnect.policy).Statement == [
      { Sid = "WriteLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:eu-central-1:111122223333:log-group:LOGS:*"] },
      { Sid = "DecryptEnvironment", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/ours"], Condition = { StringEquals = { "kms:ViaService" = ["lambda.eu-central-1.amazonaws.com"] } } },
      { Sid = "RemoveRecord", Effect = "Allow", Action = ["dynamodb:DeleteItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"] },
      { Sid = "ReadRecord", Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"] },
      { Sid = "FindRelated", Effect = "Allow", Action = ["dynamodb:Query"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/subscriptions", "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms/index/byMember"] },
      { Sid = "RemoveRelated", Effect = "Allow", Action = ["dynamodb:BatchWriteItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/subscriptions", "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms"] },
      { Sid = "WriteHistory", Effect = "Allow", Action = ["dynamodb:PutItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-history"] },
      { Sid = "FindClientsRecords", Effect = "Allow", Action = ["dynamodb:Query"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections/index/byClient"] },
      { Sid = "Announce", Effect = "Allow", Action = ["events:PutEvents"], Resource = ["arn:aws:events:eu-central-1:444455556666:event-bus/chat"] },
      { Sid = "NoteAbsences", Effect = "Allow", Action = ["dynamodb:UpdateItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-offline"] },
      { Sid = "DecryptTables", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/ours", "arn:aws:kms:eu-central-1:111122223333:key/theirs"], Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com"] } } },
      { Sid = "EncryptMessages", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/ours"], Condition = { StringEquals = { "kms:ViaService" = ["sqs.eu-central-1.amazonaws.com"] } } },
      { Sid = "SendRetries", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:chat-retry"] },
    ]
    error_message = "The disconnect role may: ${module.disconnect.policy}"
  }

  assert {
    condition = jsondecode(module.cleanup[0].policy).Statement == [
      { Sid = "WriteLogs", Effect = "Allow", Action = ["logs:CreateLogStream", "logs:PutLogEvents"], Resource = ["arn:aws:logs:eu-central-1:111122223333:log-group:LOGS:*"] },
      { Sid = "DecryptEnvironment", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/ours"], Condition = { StringEquals = { "kms:ViaService" = ["lambda.eu-central-1.amazonaws.com"] } } },
      { Sid = "RemoveRecord", Effect = "Allow", Action = ["dynamodb:DeleteItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"] },
      { Sid = "ReadRecord", Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"] },
      { Sid = "FindRelated", Effect = "Allow", Action = ["dynamodb:Query"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/subscriptions", "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms/index/byMember"] },
      { Sid = "RemoveRelated", Effect = "Allow", Action = ["dynamodb:BatchWriteItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/subscriptions", "arn:aws:dynamodb:eu-central-1:111122223333:table/rooms"] },
      { Sid = "WriteHistory", Effect = "Allow", Action = ["dynamodb:PutItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-history"] },
      { Sid = "FindClientsRecords", Effect = "Allow", Action = ["dynamodb:Query"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections/index/byClient"] },
      { Sid = "Announce", Effect = "Allow", Action = ["events:PutEvents"], Resource = ["arn:aws:events:eu-central-1:444455556666:event-bus/chat"] },
      { Sid = "NoteAbsences", Effect = "Allow", Action = ["dynamodb:UpdateItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-offline"] },
      { Sid = "DecryptTables", Effect = "Allow", Action = ["kms:Decrypt"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/ours", "arn:aws:kms:eu-central-1:111122223333:key/theirs"], Condition = { StringEquals = { "kms:ViaService" = ["dynamodb.eu-central-1.amazonaws.com"] } } },
      { Sid = "EncryptMessages", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = ["arn:aws:kms:eu-central-1:111122223333:key/ours"], Condition = { StringEquals = { "kms:ViaService" = ["sqs.eu-central-1.amazonaws.com"] } } },
      { Sid = "SendRetries", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:chat-retry"] },
      { Sid = "ProbeConnections", Effect = "Allow", Action = ["execute-api:ManageConnections"], Resource = ["arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/live/GET/@connections/*"] },
      { Sid = "CloseDuplicates", Effect = "Allow", Action = ["execute-api:ManageConnections"], Resource = ["arn:aws:execute-api:eu-central-1:111122223333:a1b2c3/live/DELETE/@connections/*"] },
      { Sid = "ReadSuspects", Effect = "Allow", Action = ["dynamodb:BatchGetItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"], Condition = { "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["apiId", "connectedAt", "connectionId", "expiresAt", "lastSeenAt", "stage"] }, StringEqualsIfExists = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] } } },
      { Sid = "ReadAbsences", Effect = "Allow", Action = ["dynamodb:GetItem"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections-offline"] },
      { Sid = "ScanRecords", Effect = "Allow", Action = ["dynamodb:Scan"], Resource = ["arn:aws:dynamodb:eu-central-1:111122223333:table/chat-connections"], Condition = { "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["apiId", "connectedAt", "connectionId", "expiresAt", "lastSeenAt", "stage"] }, StringEqualsIfExists = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] } } },
      { Sid = "ReceiveReports", Effect = "Allow", Action = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:chat-reports"] },
      { Sid = "ReceiveRetries", Effect = "Allow", Action = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:chat-retry"] },
      { Sid = "SendDeadLetters", Effect = "Allow", Action = ["sqs:SendMessage"], Resource = ["arn:aws:sqs:eu-central-1:111122223333:chat-retry-dead-letter"] },
    ]
    error_message = "The cleanup role may: ${module.cleanup[0].policy}"
  }

  assert {
    condition = jsondecode(output.report_gone.policy_json).Statement == [
      { Sid = "ReportGone", Effect = "Allow", Action = "sqs:SendMessage", Resource = "arn:aws:sqs:eu-central-1:111122223333:chat-reports" },
      { Sid = "EncryptReports", Effect = "Allow", Action = ["kms:Decrypt", "kms:GenerateDataKey"], Resource = "arn:aws:kms:eu-central-1:111122223333:key/ours", Condition = { StringEquals = { "kms:ViaService" = "sqs.eu-central-1.amazonaws.com" } } },
    ]
    error_message = "Senders may: ${output.report_gone.policy_json}"
  }
}
