# Starts a sweep when an alarm reports lost events, instead of waiting for the schedule. The sweep asks about every connection that has been
# silent for a minute.
#
# It starts when the alarm goes to ALARM, and again when it returns to OK. The second sweep finds what was lost in between, and what could not be
# removed the first time because the cause still lasted.

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

  # After that, the scheduled sweep has run.
  retry_policy {
    maximum_event_age_in_seconds = 300
    maximum_retry_attempts       = 2
  }

  # An event that the rule can't deliver is dropped, so the permission must exist first.
  depends_on = [aws_lambda_permission.this]
}

resource "aws_lambda_permission" "this" {
  statement_id  = "LookAtOnce"
  function_name = var.function.name
  action        = "lambda:InvokeFunction"
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.this.arn
}
