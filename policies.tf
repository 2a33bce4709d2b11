# Every permission of the two functions, one statement for each purpose. modules/lambda-function adds the permission to write to the log group.

locals {
  table = module.connections_table.arn

  # Single outputs, because the whole module includes the event source mapping, which waits for the function, whose environment needs these.
  retry_queue = !var.retry_queue.enabled ? null : {
    url             = module.retry_queue[0].url
    arn             = module.retry_queue[0].arn
    dead_letter_url = module.retry_queue[0].dead_letter_url
    dead_letter_arn = module.retry_queue[0].dead_letter_arn
  }

  report_queue = !local.hearing ? null : { url = module.report_queue[0].url, arn = module.report_queue[0].arn }

  remove_record = {
    sid = "RemoveRecord", actions = ["dynamodb:DeleteItem"], resources = [local.table], condition = null
  }

  read_record = {
    sid = "ReadRecord", actions = ["dynamodb:GetItem"], resources = [local.table], condition = null
  }

  # Only the attributes that a record is judged by (function/read_records.py), not what else the application keeps there. DynamoDB compares the
  # names in a request. The condition on Select refuses a request without names, which would read every attribute.
  # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html
  judged_attributes = {
    "ForAllValues:StringEquals" = { "dynamodb:Attributes" = ["apiId", "connectedAt", "connectionId", "expiresAt", "lastSeenAt", "stage"] }
    StringEqualsIfExists        = { "dynamodb:Select" = ["SPECIFIC_ATTRIBUTES"] }
  }

  read_suspects = {
    sid = "ReadSuspects", actions = ["dynamodb:BatchGetItem"], resources = [local.table], condition = local.judged_attributes
  }

  scan_records = {
    sid = "ScanRecords", actions = ["dynamodb:Scan"], resources = [local.table], condition = local.judged_attributes
  }

  send_retries = {
    sid = "SendRetries", actions = ["sqs:SendMessage"], resources = local.retry_queue[*].arn, condition = null
  }

  receive_retries = {
    sid       = "ReceiveRetries"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = local.retry_queue[*].arn
    condition = null
  }

  receive_reports = {
    sid       = "ReceiveReports"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = local.report_queue[*].arn
    condition = null
  }

  receive_disconnects = {
    sid       = "ReceiveDisconnects"
    actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
    resources = local.queueing ? [module.disconnect_queue[0].arn] : []
    condition = null
  }

  send_dead_letters = {
    sid = "SendDeadLetters", actions = ["sqs:SendMessage"], resources = local.retry_queue[*].dead_letter_arn, condition = null
  }

  find_related = {
    sid       = "FindRelated"
    actions   = ["dynamodb:Query"]
    resources = module.related_table[*].query_arn
    condition = null
  }

  remove_related = {
    sid       = "RemoveRelated"
    actions   = ["dynamodb:BatchWriteItem"]
    resources = module.related_table[*].arn
    condition = null
  }

  write_history = {
    sid = "WriteHistory", actions = ["dynamodb:PutItem"], resources = module.history_table[*].arn, condition = null
  }

  find_clients_records = {
    sid = "FindClientsRecords", actions = ["dynamodb:Query"], resources = module.connections_table.client_index_arn[*], condition = null
  }

  note_absences = {
    sid = "NoteAbsences", actions = ["dynamodb:UpdateItem"], resources = module.offline_table[*].arn, condition = null
  }

  read_absences = {
    sid = "ReadAbsences", actions = ["dynamodb:GetItem"], resources = module.offline_table[*].arn, condition = null
  }

  announce = {
    sid = "Announce", actions = ["events:PutEvents"], resources = local.event_bus_arn[*], condition = null
  }

  probe_connections = {
    sid       = "ProbeConnections"
    actions   = ["execute-api:ManageConnections"]
    resources = [for stage in var.websocket_api.stage[*] : "${var.websocket_api.execution_arn}/${stage}/GET/@connections/*"]
    condition = null
  }

  close_duplicates = {
    sid       = "CloseDuplicates"
    actions   = ["execute-api:ManageConnections"]
    resources = [for stage in var.websocket_api.stage[*] : "${var.websocket_api.execution_arn}/${stage}/DELETE/@connections/*"]
    condition = null
  }

  decrypt_tables = {
    sid       = "DecryptTables"
    actions   = ["kms:Decrypt"]
    resources = distinct(compact(concat([module.connections_table.kms_key_arn], module.history_table[*].kms_key_arn, local.offline ? var.kms_key_arn[*] : [], module.related_table[*].kms_key_arn)))
    condition = { StringEquals = { "kms:ViaService" = ["dynamodb.${local.region}.amazonaws.com"] } }
  }

  encrypt_messages = {
    sid       = "EncryptMessages"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
    resources = var.retry_queue.enabled ? var.kms_key_arn[*] : []
    condition = { StringEquals = { "kms:ViaService" = ["sqs.${local.region}.amazonaws.com"] } }
  }

  # Options besides removing the record. Both functions carry them out.
  extras = length(var.related_tables) > 0 || var.history != null || local.duplicates || local.announcing

  shared_statements = concat(
    [local.remove_record],
    local.extras ? [local.read_record] : [],
    length(var.related_tables) > 0 ? [local.find_related, local.remove_related] : [],
    var.history != null ? [local.write_history] : [],
    local.announcing && local.client_index != null ? [local.find_clients_records] : [],
    local.announcing ? [local.announce] : [],
    local.offline ? [local.note_absences] : [],
    length(local.decrypt_tables.resources) > 0 ? [local.decrypt_tables] : [],
    length(local.encrypt_messages.resources) > 0 ? [local.encrypt_messages] : [],
  )

  disconnect_statements = concat(
    local.shared_statements,
    var.retry_queue.enabled ? [local.send_retries] : [],
    local.queueing ? [local.receive_disconnects, local.send_dead_letters] : [],
  )

  # SQS itself delivers a failed removal again. The clean-up function sends only options that fail, and sweeps that continue.
  cleanup_statements = concat(
    local.shared_statements,
    local.extras || var.sweep.enabled ? [local.send_retries] : [],
    local.duplicates && !local.announcing ? [local.find_clients_records] : [],
    local.duplicates || local.probing ? [local.probe_connections] : [],
    var.duplicates == "newest" ? [local.close_duplicates] : [],
    local.probing || local.offline ? [local.read_suspects] : [],
    local.offline ? [local.read_absences] : [],
    var.sweep.enabled ? [local.scan_records] : [],
    local.hearing ? [local.receive_reports] : [],
    [local.receive_retries, local.send_dead_letters],
  )

  # For senders that report gone connections. Their roles are not this module's, so this becomes an output.
  senders_statements = concat(
    [for arn in local.report_queue[*].arn : { Sid = "ReportGone", Effect = "Allow", Action = "sqs:SendMessage", Resource = arn }],
    [for key in var.kms_key_arn[*] : {
      Sid       = "EncryptReports"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = key
      Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.amazonaws.com" } }
    }],
  )
}
