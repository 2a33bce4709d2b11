# Alarms on a share of the traffic, because this module does not know how much traffic is normal. In metric math a missing value counts as 0
# in sums and comparisons, so a metric need not exist. A division by 0 gives no value.
#
# "Three periods in a row" does not work for a metric that is published only on failures: if data are missing, an alarm looks further back and
# treats three distant periods as three in a row.

locals {
  invoked = { namespace = "AWS/Lambda", metric_name = "Invocations", dimensions = { FunctionName = var.functions.disconnect.name } }

  # The number of $disconnect events: invocations, or messages in the disconnect queue, of which an invocation handles up to ten.
  received = one(concat(
    [for queue in var.disconnect_queue[*] : { namespace = "AWS/SQS", metric_name = "NumberOfMessagesSent", dimensions = { QueueName = queue.name } }],
    var.disconnect_queue == null ? [local.invoked] : [],
  ))

  shares = merge(
    merge([for queue in var.retry_queue[*] : {
      falling-back = {
        description = "Within an hour, more than half of the removals failed at the first attempt. Nothing is lost: the retry queue or the next sweep removes the records later. See the error in the lines with step close, and check the role, the table and the timeouts."
        metrics     = { received = local.received, failures = { namespace = local.own_namespace, metric_name = "Failures", dimensions = merge(local.own_dimension, { step = "close" }) } }
        expression  = "IF(failures >= 3, 100 * failures / received, 0)"
        threshold   = 50
      }
    }]...),
    merge([for sweep in var.sweep[*] : {
      missed = {
        description = "Within an hour, the sweep found ten or more ended connections without a $disconnect event, more than a tenth of all that ended. Until then the table showed them as open. If nearly all events are missing: was the stage deployed after the route was created? If only some: ${local.meaning.missed}"
        metrics = {
          received = local.received
          expired  = { namespace = local.own_namespace, metric_name = "RemovedExpired", dimensions = local.own_dimension }
          gone     = { namespace = local.own_namespace, metric_name = "RemovedGone", dimensions = local.own_dimension }
        }
        expression = "IF(expired + gone >= 10, 100 * (expired + gone) / (expired + gone + received), 0)"
        threshold  = 10
      }
    }]...),
    var.log_level != "INFO" ? {} : {
      unlogged = {
        description = "In two half-hours in a row, the disconnect function ran ten times or more, but its log group received no line. So the alarms that depend on its log lines cannot fire. Was the log group deleted? Then terraform apply creates it again. Otherwise check that the role may write to it."
        metrics     = { received = local.invoked, lines = { namespace = "AWS/Logs", metric_name = "IncomingLogEvents", dimensions = { LogGroupName = var.functions.disconnect.log_group_name } } }
        expression  = "IF(lines < 1, received, 0)"
        threshold   = 9
        period      = 1800
        periods     = 2 # the lines of a sudden burst may arrive later than its count of invocations
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
