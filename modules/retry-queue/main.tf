# A queue in front of a function, and a dead-letter queue for messages that never succeed.
#
# The provider waits 25 s for each step on a queue. To keep the apply short, both queues are created in parallel, and then the policies that refer to
# the other queue, again in parallel.

locals {
  # A message's age counts from its first send, in the dead-letter queue too. So even the latest message stays there for four days.
  # A validation in variables.tf ensures that every message gets there before it is ten days old.
  dead_letter_retention_seconds = 14 * 86400 # the longest that SQS allows
  retention_seconds             = 10 * 86400

  queues = { retry = aws_sqs_queue.retry, dead_letter = aws_sqs_queue.dead_letter }
}

# CreateQueue with an existing name returns the existing queue. With a fixed name, a replacement or a second state could use this queue and later
# delete it with its messages. So names are generated, and an existing queue keeps its name.
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

# Anybody who can send to the retry queue can have any record removed, and in an account many roles may sqs:SendMessage on *. The allowed roles are
# named by their ARN, not as principals, which would become ids when a role is replaced. The dead-letter queue has no such statement, because AWS does
# not say whether it would also deny SQS itself, which moves messages there.
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
