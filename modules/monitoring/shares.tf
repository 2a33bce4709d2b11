# Alarms on a share: a number alone says little of a system whose traffic nobody here knows. In metric math a missing value counts as 0 in
# sums and comparisons, so what never happened needs no metric; a quotient by 0 is no value.
#
# Not "three periods in a row" of a metric that is published only when something goes wrong: where data is missing, an alarm looks further
# back, and takes three far between for three in a row.

locals {
  invoked = { namespace = "AWS/Lambda", metric_name = "Invocations", dimensions = { FunctionName = var.functions.disconnect.name } }

  # One for each $disconnect: an invocation, or a message of the disconnect queue, which an invocation has ten of.
  told = one(concat(
    [for queue in var.disconnect_queue[*] : { namespace = "AWS/SQS", metric_name = "NumberOfMessagesSent", dimensions = { QueueName = queue.name } }],
    var.disconnect_queue == null ? [local.invoked] : [],
  ))

  shares = merge(
    merge([for queue in var.retry_queue[*] : {
      falling-back = {
        description = "Within an hour more than half of the removals failed at the first attempt: see the error in the lines with step close (a role, the table, a time-out). Nothing is lost: the retry queue or the next sweep does the work, later."
        metrics     = { told = local.told, failures = { namespace = local.own_namespace, metric_name = "Failures", dimensions = merge(local.own_dimension, { step = "close" }) } }
        expression  = "IF(failures >= 3, 100 * failures / told, 0)"
        threshold   = 50
      }
    }]...),
    merge([for sweep in var.sweep[*] : {
      missed = {
        description = "Within an hour the sweep found ten or more connections that $disconnect never told of, more than a tenth of all that ended. Nearly all: was the stage deployed after the route was made? Some: ${local.meaning.missed}"
        metrics = {
          told    = local.told
          expired = { namespace = local.own_namespace, metric_name = "RemovedExpired", dimensions = local.own_dimension }
          gone    = { namespace = local.own_namespace, metric_name = "RemovedGone", dimensions = local.own_dimension }
        }
        expression = "IF(expired + gone >= 10, 100 * (expired + gone) / (expired + gone + told), 0)"
        threshold  = 10
      }
    }]...),
    var.log_level != "INFO" ? {} : {
      unlogged = {
        description = "In each half of an hour the disconnect function ran ten times or more, and its log group received no line: was the log group deleted, or may the role not write there? The alarms on what its lines tell are silent as well. Applying Terraform makes the log group again."
        metrics     = { told = local.invoked, lines = { namespace = "AWS/Logs", metric_name = "IncomingLogEvents", dimensions = { LogGroupName = var.functions.disconnect.log_group_name } } }
        expression  = "IF(lines < 1, told, 0)"
        threshold   = 9
        period      = 1800
        periods     = 2 # the lines of a sudden crowd may arrive later than the count of its invocations
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "share" {
  for_each = local.shares

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  evaluation_periods  = try(each.value.periods, 1)
  treat_missing_data  = "notBreaching"
  alarm_actions       = var.alarm_actions
  ok_actions          = local.ok_actions
  tags                = var.tags

  metric_query {
    id          = "judged"
    label       = each.key
    expression  = each.value.expression
    return_data = true
  }

  dynamic "metric_query" {
    for_each = each.value.metrics

    content {
      id = metric_query.key

      metric {
        namespace   = metric_query.value.namespace
        metric_name = metric_query.value.metric_name
        dimensions  = metric_query.value.dimensions
        period      = try(each.value.period, 3600)
        stat        = "Sum"
      }
    }
  }
}
