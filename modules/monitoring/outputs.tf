output "loss_alarm_arns" {
  description = "ARNs of the alarms on lost $disconnect events. Empty with a disconnect queue."
  value       = var.disconnect_queue != null ? [] : [for name in ["disconnect-errors", "disconnect-throttles"] : aws_cloudwatch_metric_alarm.this[name].arn]
}

output "alarm_names" {
  description = "Names of the alarms."
  value = [
    for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.share), aws_cloudwatch_composite_alarm.sweep_silent[*]) :
    alarm.alarm_name
  ]
}
