# A queue of its own for reports from outside. Who may send to the retry queue could have any record removed; what comes by this one is a
# hint, which the function checks with API Gateway before it believes it.
#
# So it needs no dead-letter queue: a report that nobody could check for an hour is dropped, and the sweep finds the connection.

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

# Senders of this account need no more than a policy of their own. Those of another are named by a condition: as principals they would have to
# exist, and turn into ids when they are replaced.
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

# As few at a time as SQS allows: reports must not crowd out retries, and each invocation asks API Gateway at its own pace.
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
