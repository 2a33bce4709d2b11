output "loss_alarm_arns" {
  description = "ARNs of the alarms that tell of lost $disconnect events: each leaves a record of a connection that has ended. None behind a queue."
  value       = var.disconnect_queue != null ? [] : [for name in ["disconnect-errors", "disconnect-throttles"] : aws_cloudwatch_metric_alarm.this[name].arn]
}

output "alarm_names" {
  description = "Names of the alarms."
  value = [
    for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.share), aws_cloudwatch_composite_alarm.sweep_silent[*]) :
    alarm.alarm_name
  ]
}
