output "alarm_names" {
  description = "Names of the alarms."
  value = [
    for alarm in concat(values(aws_cloudwatch_metric_alarm.this), values(aws_cloudwatch_metric_alarm.share), aws_cloudwatch_composite_alarm.sweep_silent[*]) :
    alarm.alarm_name
  ]
}
