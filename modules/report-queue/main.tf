# Reports from outside have their own queue. Anybody who may send to the retry queue can have any record removed. A message in this queue is only a
# hint: the function asks API Gateway before it removes anything.
#
# It needs no dead-letter queue: a report that could not be checked within an hour is dropped, and the sweep finds the connection.

# A generated name, as in modules/retry-queue.
resource "aws_sqs_queue" "this" {
  name_prefix                = "${var.name}-"
  message_retention_seconds  = 3600
  visibility_timeout_seconds = 6 * var.function_timeout
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  lifecycle {
    ignore_changes = [name_prefix]
  }
}

# Senders in this account need only a policy of their own. Senders in other accounts are named in a condition, not as principals: principals must
# exist, and AWS replaces their names by ids when they are deleted.
resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = concat(
      [{
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      }],
      [for senders in length(var.senders) > 0 ? [var.senders] : [] : {
        Sid       = "AllowSendersOfOtherAccounts"
        Effect    = "Allow"
        Principal = { AWS = distinct([for arn in senders : "arn:${split(":", arn)[1]}:iam::${split(":", arn)[4]}:root"]) }
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = { ArnEquals = { "aws:PrincipalArn" = senders } }
      }],
    )
  })
}

moved {
  from = aws_sqs_queue_policy.tls_only
  to   = aws_sqs_queue_policy.this
}

# The smallest concurrency that SQS allows: reports must not delay retries, and each invocation asks API Gateway at its own rate.
resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = aws_sqs_queue.this.arn
  function_name           = var.function_name
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = 2
  }
}
