# Invokes the clean-up function on a schedule, once per segment of the table.
#
# A failed sweep is not repeated, because the next one does the same work. So neither the schedule nor Lambda keeps old invocations for hours.

locals {
  patience_seconds = 300
  unit_seconds     = { minute = 60, hour = 3600, day = 86400 }
  rate             = regex("^rate\\((?P<value>\\d+) (?P<unit>minute|hour|day)s?\\)$", var.schedule)
  period_seconds   = tonumber(local.rate.value) * local.unit_seconds[local.rate.unit]
  region           = split(":", var.function_arn)[3]

  # As in modules/lambda-function: the schedules use the new role before the old one is deleted.
  role_name = "${var.name}${var.role.name_suffix}${var.role.path == "/" ? "" : "-${substr(sha1(var.role.path), 0, 8)}"}"

  invoke = {
    Sid      = "InvokeFunction"
    Effect   = "Allow"
    Action   = "lambda:InvokeFunction"
    Resource = var.function_arn
  }

  decrypt_input = [
    for key in var.kms_key_arn[*] : {
      Sid       = "DecryptInput"
      Effect    = "Allow"
      Action    = "kms:Decrypt"
      Resource  = key
      Condition = { StringEquals = { "kms:ViaService" = "scheduler.${local.region}.amazonaws.com" } }
    }
  ]

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = concat([local.invoke], local.decrypt_input)
  })

  role_arn = one(concat(aws_iam_role.this[*].arn, var.existing_role[*].arn))
}

resource "aws_scheduler_schedule_group" "this" {
  name = var.name
  tags = var.tags
}

resource "aws_scheduler_schedule" "this" {
  count = var.segments

  name                = "${var.name}-${count.index}"
  group_name          = aws_scheduler_schedule_group.this.name
  description         = "Sweeps segment ${count.index} of ${var.segments} of the connections table"
  schedule_expression = var.schedule
  kms_key_arn         = var.kms_key_arn

  flexible_time_window {
    mode = "OFF"
  }

  target {
    arn      = var.function.arn
    role_arn = local.role_arn
    input    = jsonencode({ sweep = { segment = count.index, segments = var.segments, period_s = local.period_seconds } })

    retry_policy {
      maximum_event_age_in_seconds = local.patience_seconds
      maximum_retry_attempts       = 2
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = var.function.name
  maximum_event_age_in_seconds = local.patience_seconds
  maximum_retry_attempts       = 0
}

resource "aws_iam_role" "this" {
  count = length(var.existing_role[*]) == 0 ? 1 : 0 # known where the ARN is not

  name                 = local.role_name
  description          = "Lets the schedules of group ${var.name} invoke ${var.function.name}"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "scheduler.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceArn" = aws_scheduler_schedule_group.this.arn } }
    }]
  })
}

# Replaced together with its role. Terraform creates the new one first. With a fixed name, the new policy would overwrite the old one and then be
# deleted instead of it.
resource "aws_iam_role_policy" "this" {
  count = length(var.existing_role[*]) == 0 ? 1 : 0 # not length(aws_iam_role.this): `terraform import` does not know it

  name_prefix = "${var.name}-"
  role        = aws_iam_role.this[0].name
  policy      = local.policy

  lifecycle {
    create_before_destroy = true
  }
}

moved {
  from = aws_iam_role.this
  to   = aws_iam_role.this[0]
}

moved {
  from = aws_iam_role_policy.this
  to   = aws_iam_role_policy.this[0]
}
