# A queue between the $disconnect route and the function. Events that come faster than the function handles them wait here instead of being lost.

locals {
  # As in modules/lambda-function: the route uses the new role before the old one is deleted.
  role_name = "${var.name}-gateway${var.role.name_suffix}${var.role.path == "/" ? "" : "-${substr(sha1(var.role.path), 0, 8)}"}"
  arn       = split(":", aws_sqs_queue.this.arn)
  region    = local.arn[3]

  own_roles = [for path in ["", "*/"] : "arn:${local.arn[1]}:iam::${local.arn[4]}:role/${path}${var.name}-gateway*"]
  senders   = var.existing_role == null ? local.own_roles : [var.existing_role.arn]

  send_event = {
    Sid      = "SendEvent"
    Effect   = "Allow"
    Action   = "sqs:SendMessage"
    Resource = aws_sqs_queue.this.arn
  }

  encrypt_event = [
    for key in var.kms_key_arn[*] : {
      Sid       = "EncryptEvent"
      Effect    = "Allow"
      Action    = ["kms:Decrypt", "kms:GenerateDataKey"]
      Resource  = key
      Condition = { StringEquals = { "kms:ViaService" = "sqs.${local.region}.amazonaws.com" } }
    }
  ]

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.send_event], local.encrypt_event)
  })

  role_arn = one(concat(aws_iam_role.this[*].arn, var.existing_role[*].arn))
}

# A generated name, as in modules/retry-queue.
resource "aws_sqs_queue" "this" {
  name_prefix                = "${var.name}-disconnects-"
  message_retention_seconds  = 10 * 86400 # as for the retry queue, so that a message stays in the dead-letter queue for at least four days
  visibility_timeout_seconds = 6 * var.function_timeout
  sqs_managed_sse_enabled    = var.kms_key_arn == null ? true : null
  kms_master_key_id          = var.kms_key_arn
  tags                       = var.tags

  lifecycle {
    ignore_changes = [name_prefix]
  }
}

resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  redrive_policy = jsonencode({
    deadLetterTargetArn = var.dead_letter_arn
    maxReceiveCount     = var.max_receive_count
  })
}

# Anybody who can send here can have any record removed. The role may have any path and suffix: while these change, the route still uses the old role.
resource "aws_sqs_queue_policy" "this" {
  queue_url = aws_sqs_queue.this.url

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Sid       = "DenyWithoutTLS"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:*"
        Resource  = aws_sqs_queue.this.arn
        Condition = { Bool = { "aws:SecureTransport" = "false" } }
      },
      {
        Sid       = "DenyOtherSenders"
        Effect    = "Deny"
        Principal = "*"
        Action    = "sqs:SendMessage"
        Resource  = aws_sqs_queue.this.arn
        Condition = { ArnNotLike = { "aws:PrincipalArn" = local.senders } }
      },
    ]
  })
}

# No condition on aws:SourceArn: AWS does not document that API Gateway sets it when it assumes an integration's role.
resource "aws_iam_role" "this" {
  count = length(var.existing_role[*]) == 0 ? 1 : 0 # known where the ARN is not

  name                 = local.role_name
  description          = "Lets the $disconnect route of ${var.name} send to its queue"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "apigateway.amazonaws.com" }
    }]
  })
}

# A generated name, as in modules/lambda-function.
resource "aws_iam_role_policy" "this" {
  count = length(var.existing_role[*]) == 0 ? 1 : 0 # not length(aws_iam_role.this): `terraform import` does not know it

  name_prefix = "${var.name}-gateway-"
  role        = aws_iam_role.this[0].name
  policy      = local.policy
}

moved {
  from = aws_iam_role.this
  to   = aws_iam_role.this[0]
}

moved {
  from = aws_iam_role_policy.this
  to   = aws_iam_role_policy.this[0]
}

# Batches of ten without a batching window: no event waits for a batch to fill.
resource "aws_lambda_event_source_mapping" "this" {
  event_source_arn        = aws_sqs_queue.this.arn
  function_name           = var.function_name
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]
  tags                    = var.tags

  scaling_config {
    maximum_concurrency = var.maximum_concurrency
  }
}
