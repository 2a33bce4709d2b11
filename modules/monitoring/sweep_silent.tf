# A sweep that does not finish. What tells is that a metric is missing, and before the first sweep it is missing too: so the segments'
# alarms tell nobody, and this one waits before it does. Whatever is still silent then is told once, however many segments there are.

locals {
  segments = [for segment in range(try(var.sweep.segments, 0)) : aws_cloudwatch_metric_alarm.this["sweep-silent-${segment}"]]
}

# AWS does not delete an alarm that a composite alarm names. So before one of these goes, the composite alarm does.
resource "terraform_data" "named_alarms" {
  count = var.sweep == null ? 0 : 1

  input = concat(local.segments[*].id, [aws_cloudwatch_metric_alarm.this["sweep-errors"].id])
}

resource "aws_cloudwatch_composite_alarm" "sweep_silent" {
  count = var.sweep == null ? 0 : 1

  alarm_name        = local.sweep_silent
  alarm_description = "Sweeps do not finish, so records whose $disconnect was lost stay. Is the schedule enabled, and may its role invoke the clean-up function? Is that function throttled or out of time? Is its log group gone, whose lines tell of each sweep? The segments that are silent: the alarms ${local.sweep_silent}-N."
  alarm_rule        = join(" OR ", [for alarm in local.segments : "ALARM(\"${alarm.alarm_name}\")"])
  alarm_actions     = var.alarm_actions
  ok_actions        = local.ok_actions
  tags              = var.tags

  # Sweeps that fail are told by the clean-up function's errors already. Not by those of other work: they must not hide a schedule that is off.
  actions_suppressor {
    alarm            = aws_cloudwatch_metric_alarm.this["sweep-errors"].alarm_name
    wait_period      = var.sweep.period_seconds + 600
    extension_period = 600
  }

  lifecycle {
    replace_triggered_by = [terraform_data.named_alarms]
  }
}
