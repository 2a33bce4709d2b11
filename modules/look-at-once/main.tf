# Sweeps when an alarm tells that events were lost, instead of at the next tick: the clean-up function then suspects every connection older
# than a minute.
#
# When the alarm goes off, and again when it is over: an alarm that is on does not go off a second time, so what is lost meanwhile is found
# then, and so is what could not be removed the first time, while the cause still lasted.

resource "aws_cloudwatch_event_rule" "this" {
  name        = var.name
  description = "Alarms that tell of lost $disconnect events, as they go off and as they end"
  state       = "ENABLED"
  tags        = var.tags

  event_pattern = jsonencode({
    source        = ["aws.cloudwatch"]
    "detail-type" = ["CloudWatch Alarm State Change"]
    resources     = var.alarm_arns
    "$or" = [
      { detail = { state = { value = ["ALARM"] } } },
      { detail = { previousState = { value = ["ALARM"] } } },
    ]
  })
}

resource "aws_cloudwatch_event_target" "this" {
  rule  = aws_cloudwatch_event_rule.this.id # known once the rule is made: replaced with it
  arn   = var.function.arn
  input = jsonencode({ look_at_once = { segments = var.segments } })

  # Later, the schedule has done it.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 2
  }

  # What the rule can't deliver is dropped.
  depends_on = [aws_lambda_permission.this]
}

resource "aws_lambda_permission" "this" {
  statement_id  = "LookAtOnce"
  function_name = var.function.name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}
