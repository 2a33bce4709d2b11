# A queue in front of a function, and a dead-letter queue for what never succeeds.
#
# The provider waits 25 s for each step on a queue. So that the steps don't add up, both queues are made side by side, and what refers to
# the other queue comes after them, side by side again.

locals {
  # A message's age counts from its first send, in the dead-letter queue too: what gets there last still lies there for four days.
  # variables.tf sees to it that every message gets there before it is this old.
  dead_letter_retention_seconds = 14 * 86400 # the longest that SQS knows
  retention_seconds             = 10 * 86400

  queues = { retry = aws_sqs_queue.retry, dead_letter = aws_sqs_queue.dead_letter }
}

# CreateQueue returns a queue that exists: one name for two would let a replacement, or a second state, take over this queue and later delete
# it with its messages. So names are generated, and a queue keeps the one it has.
resource "aws_sqs_queue" "retry" {
  name_prefix                = "${var.name}-retry-"
  message_retention_seconds  = local.retention_seconds
  visibility_timeout_seconds = 6 * var.function_timeout
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  lifecycle {
    ignore_changes = [name_prefix]
  }
}

resource "aws_sqs_queue" "dead_letter" {
  name_prefix               = "${var.name}-dead-letter-"
  message_retention_seconds = local.dead_letter_retention_seconds
  sqs_managed_sse_enabled   = var.kms_key_arn == null ? true : null
  kms_master_key_id         = var.kms_key_arn
  tags                      = var.tags

  lifecycle {
    ignore_changes = [name_prefix]
  }
}

resource "aws_sqs_queue_redrive_policy" "retry" {
  queue_url = aws_sqs_queue.retry.url

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead_letter.arn
    maxReceiveCount     = var.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead_letter" {
  queue_url = aws_sqs_queue.dead_letter.url

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = concat([aws_sqs_queue.retry.arn], var.dead_letter_sources)
  })
}

# Whoever sends to the retry queue can have any record removed, and in the account many may sqs:SendMessage on *. By the ARN of their role, not
# as principals: those would turn into ids when a role is replaced. Not at the dead-letter queue, since AWS does not say whether SQS itself,
# which moves messages there, would be denied as well.
resource "aws_sqs_queue_policy" "this" {
  for_each = local.queues

  queue_url = each.value.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = each.value.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for senders in each.key == "retry" ? [var.senders] : [] : {
        Sid       = "DenyOtherSenders"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:SendMessage"
        Resource  = each.value.arn
        Condition = { ArnNotLike = { "aws:PrincipalArn" = senders } }
      }],
    )
  })
}

moved {
  from = aws_sqs_queue_policy.tls_only
  to   = aws_sqs_queue_policy.this
}

resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = aws_sqs_queue.retry.arn
  function_name           = var.function_name
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
