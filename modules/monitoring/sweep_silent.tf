# An alarm on sweeps that do not finish. Then a metric is missing. Before the first sweep it is missing, too. So the alarms of the segments have no
# actions, and this one waits before it acts. It acts once, however many segments are silent.

locals {
  segments = [for segment in range(try(var.sweep.segments, 0)) : aws_cloudwatch_metric_alarm.this["sweep-silent-${segment}"]]
}

# AWS does not delete an alarm that a composite alarm refers to, so the composite alarm is deleted first.
resource "terraform_data" "named_alarms" {
  count = var.sweep == null ? 0 : 1

  input = concat(local.segments[*].id, [aws_cloudwatch_metric_alarm.this["sweep-errors"].id])
}

resource "aws_cloudwatch_composite_alarm" "sweep_silent" {
  count = var.sweep == null ? 0 : 1

  alarm_name        = local.sweep_silent
  alarm_description = "Sweeps do not finish, so the records of lost $disconnect events stay. Is the schedule enabled, and may its role invoke the clean-up function? Is that function throttled or out of time? Does its log group exist? This alarm depends on its lines. The alarms ${local.sweep_silent}-N show which segments are silent."
  alarm_rule        = join(" OR ", [for alarm in local.segments : "ALARM(\"${alarm.alarm_name}\")"])
  alarm_actions     = var.alarm_actions
  ok_actions        = local.ok_actions
  tags              = var.tags

  # The alarm cleanup-errors already reports sweeps that fail. Only errors of sweeps suppress this alarm: those of other work must not hide a
  # schedule that is off.
  actions_suppressor {
    alarm            = aws_cloudwatch_metric_alarm.this["sweep-errors"].alarm_name
    wait_period      = var.sweep.period_seconds + 600
    extension_period = 600
  }

  lifecycle {
    replace_triggered_by = [terraform_data.named_alarms]
  }
}
