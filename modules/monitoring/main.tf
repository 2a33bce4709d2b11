# The alarms. A pager shows only the description, so it says what happened, what the consequences are and what to do.

locals {
  own_namespace = "WebSocketConnections"
  own_dimension = { Name = var.name }
  sweep_silent  = "${var.name}-sweep-silent"

  # EventBridge Scheduler is precise to a minute. So a period as long as the sweep's sometimes contains no sweep, and the next one two, and an alarm
  # on a metric of every sweep would fire twice. A period twice as long always contains a sweep.
  two_sweeps_seconds = min(2 * try(var.sweep.period_seconds, 0), 86400)

  # Lambda records an error at the time its invocation began. After a timeout, an alarm that looks back only five minutes has already evaluated that
  # time. This many periods cover the longest timeout, a minute for the metric to arrive, and the partial periods at both ends.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
  # Five minutes sometimes contain no sweep. So the clean-up function needs two periods, or sweeps that keep failing would page again and again.
  error_periods = {
    for name, function in var.functions : name => try(max(ceil((function.timeout + 240) / 300), name == "cleanup" ? 2 : 1), 1) # null: no such function
  }

  # An alarm opens an OpsItem, an incident or an investigation, but its return to OK closes none of them.
  ok_actions = [for arn in var.alarm_actions : arn if contains(["sns", "lambda"], split(":", arn)[2])]

  # What the alarms on the disconnect function mean. With the disconnect queue, SQS delivers failed events again.
  meaning = var.disconnect_queue == null ? {
    errors    = "Disconnects failed, and the retry queue could not be reached either. The records stay until a sweep removes them. See the error lines in the function's log. If there are none, the function cannot start: check handler, layers, runtime and KMS key."
    throttles = "Disconnects were throttled, and API Gateway does not repeat them. The records stay until a sweep removes them. Raise function.reserved_concurrency or the account's concurrency limit."
    missed    = "see the alarms disconnect-throttles and disconnect-errors, and API Gateway's metric IntegrationError."
    } : {
    errors    = "Batches of disconnects failed. Nothing is lost: SQS delivers them again, and moves them to the dead-letter queue if they keep failing. See the error lines in the function's log. If there are none, the function cannot start: check handler, layers, runtime and KMS key."
    throttles = "Batches of disconnects were throttled. Nothing is lost: SQS delivers them again, but until then the table shows connections that have ended. Raise function.reserved_concurrency or the account's concurrency limit, or lower disconnect_queue.maximum_concurrency."
    missed    = "API Gateway could not send them to the disconnect queue. See its metrics IntegrationError and ExecutionError, and the policies of the queue and the role."
  }

  function_alarms = {
    disconnect-errors = {
      description = local.meaning.errors
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = var.functions.disconnect.name }

      evaluation_periods = local.error_periods.disconnect
      datapoints         = 1
    }
    disconnect-throttles = {
      description = local.meaning.throttles
      namespace   = "AWS/Lambda"
      metric_name = "Throttles"
      dimensions  = { FunctionName = var.functions.disconnect.name }
    }
    fast-path-off = {
      description = "Disconnects are handled by boto3, whose cold start is five times slower. So more events are lost when many arrive at once, and sweeps remove their records. The field why in the disconnect function's lines with outcome fast_path_off says the reason. If it names a variable, remove it. Otherwise update the module."
      namespace   = local.own_namespace
      metric_name = "FastPathOff"
      dimensions  = local.own_dimension
    }
  }

  cleanup_alarms = merge([for function in var.functions.cleanup[*] : {
    cleanup-errors = {
      description = "The clean-up function failed. Nothing is lost: SQS delivers messages again, and the next sweep does what this one did not. See the error lines in its log. If there are none, the function cannot start, or ran out of time or memory."
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = function.name }

      evaluation_periods = local.error_periods.cleanup
      datapoints         = 1
    }
  }]...)

  queue_alarms = merge([for queue in var.retry_queue[*] : {
    # With a destination, because SQS does not know the source queue of messages that the function itself sent there (CouldNotDetermineMessageSource).
    dead-letters = {
      description = "Messages failed too often and are in the dead-letter queue. They expire 14 days after they were first sent, and then this alarm is OK again. Read the messages and the clean-up function's error lines, and fix the cause. Delete messages whose error line has step message: the function cannot read them. Send the others back: aws sqs start-message-move-task --source-arn ${queue.dead_letter_arn} --destination-arn ${queue.arn}"
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.dead_letter_name }
      statistic   = "Maximum"
    }
    # A message stays there for at least four days. 60 of 72 hours are enough to fire, because reading messages hides them for a while.
    dead-letters-left = {
      description = "Messages have been in the dead-letter queue for three days, and the first may expire within a day. Delete them, or send them back: aws sqs start-message-move-task --source-arn ${queue.dead_letter_arn} --destination-arn ${queue.arn}"
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.dead_letter_name }
      statistic   = "Minimum"
      period      = 3600

      evaluation_periods = 72
      datapoints         = 60
    }
    # This metric leaves out messages received three times or more. A message may have a delay of 15 min, and wait for a batch.
    retries-waiting = {
      description = "Messages wait in the retry queue and are not received. They expire after ten days. Is the queue's event source mapping enabled? May the clean-up function's role receive and decrypt messages? Is the function throttled?"
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      threshold   = 900 + 300 + try(var.functions.cleanup.timeout, 0)
    }
    # Uses the age that the function reads from each message. SQS's own ApproximateAgeOfOldestMessage leaves out messages received three
    # times, which a retry reaches within a minute. A message returns after 15 min at most; its batch may delay it a little.
    failing = {
      description = "Retries of the same work have been failing for more than 15 minutes. Nothing is lost yet: after the last attempt the message goes to the dead-letter queue. See step and error in the clean-up function's log."
      namespace   = local.own_namespace
      metric_name = "RetryAge"
      dimensions  = local.own_dimension
      statistic   = "Maximum"
      threshold   = 900
      period      = 1200
    }
  }]...)

  disconnect_queue_alarms = merge([for queue in var.disconnect_queue[*] : {
    disconnects-waiting = {
      description = "Disconnects have been waiting for more than a minute, so the table shows connections that have ended. Nothing is lost: messages are kept for ten days. After a burst of disconnects the queue drains by itself. Otherwise: is the disconnect queue's event source mapping enabled? Is the function throttled? Does DynamoDB throttle (lines with outcome postponed and an error)? Then raise the table's warm throughput, or lower disconnect_queue.maximum_concurrency."
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      threshold   = 60
      period      = 60
    }
    # Errors of all routes: API Gateway counts them by route only with detailed metrics, and IntegrationError also counts what integrations refuse.
    gateway-errors = {
      description = "API Gateway could not call an integration, of $disconnect or of another route. The stage's execution log names the route. If it is $disconnect, events are lost and records stay until a sweep removes them: check that API Gateway may assume the role and send to the disconnect queue."
      namespace   = "AWS/ApiGateway"
      metric_name = "ExecutionError"
      dimensions  = merge({ ApiId = queue.api_id }, { for stage in queue.stage[*] : "Stage" => stage })
    }
  }]...)

  report_alarms = merge([for queue in var.report_queue[*] : {
    reports-waiting = {
      description = "Reports wait in the report queue and are not received. They expire after an hour, and the sweep finds these connections later. Is the queue's event source mapping enabled? Is the clean-up function throttled?"
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      threshold   = 1800
    }
  }]...)

  sweep_alarms = merge(flatten([for sweep in var.sweep[*] : [
    {
      unproven = {
        description        = "API Gateway answers that connections are gone, but their records do not show that they belong to this API and stage. Such records stay for two hours. Write apiId and stage from the event into the record at $connect, or, if no other stage writes to this table, set sweep.probe.exclusive_table = true."
        namespace          = local.own_namespace
        metric_name        = "Unproven"
        dimensions         = local.own_dimension
        statistic          = "Maximum"
        period             = local.two_sweeps_seconds
        evaluation_periods = 2
        treat_missing_data = "ignore"
      }
      probes-refused = {
        description        = "In three sweeps in a row, most probes got no usable answer. Records of connections whose $disconnect was lost stay for two hours. See refusal in the lines with outcome swept: 403 means a wrong API or stage, 429 that other callers use up the quota."
        namespace          = local.own_namespace
        metric_name        = "ProbesRefused"
        dimensions         = local.own_dimension
        statistic          = "Average"
        threshold          = 50
        period             = sweep.period_seconds
        evaluation_periods = 3
        treat_missing_data = "ignore"
      }
      undated-records = {
        description        = "The table holds records with neither a usable connectedAt nor expiresAt, and the probe is off. If their $disconnect is lost, they stay forever. Write connectedAt (epoch ms) from the event into the record at $connect, or turn the probe on: sweep.probe = {}."
        namespace          = local.own_namespace
        metric_name        = "Undated"
        dimensions         = local.own_dimension
        statistic          = "Maximum"
        period             = sweep.period_seconds
        evaluation_periods = 2
        datapoints         = 1
        treat_missing_data = "ignore"
      }
      sweep-failures = {
        description        = "In several sweeps in a row, records of ended connections could not be removed, so they stay in the table. See the error lines in the clean-up function's log: check the role and the table. If durationMs in the lines with outcome swept is near the timeout, raise sweep.segments."
        namespace          = local.own_namespace
        metric_name        = "SweepFailures"
        dimensions         = local.own_dimension
        statistic          = "Maximum"
        period             = local.two_sweeps_seconds
        evaluation_periods = 2
        treat_missing_data = "ignore"
      }
    },
    {
      for name in sweep.shared_table ? [] : ["foreign-records"] : name => {
        description        = "The table holds records of another API or stage. The sweep does not remove them until they are a day old. Give each stage its own table, correct websocket_api, or, if the table is shared on purpose, set connections_table.shared = true."
        namespace          = local.own_namespace
        metric_name        = "ForeignRecords"
        dimensions         = local.own_dimension
        statistic          = "Maximum"
        period             = sweep.period_seconds
        evaluation_periods = 2
        datapoints         = 1
        treat_missing_data = "ignore"
      }
    },
    # These have no actions. The composite alarm in sweep_silent.tf has them, unless sweeps fail, which cleanup-errors reports.
    {
      sweep-errors = {
        description = "A sweep failed. See the alarm ${var.name}-cleanup-errors. This alarm has no actions."
        acts        = false
        namespace   = local.own_namespace
        metric_name = "Failures"
        dimensions  = merge(local.own_dimension, { step = "sweep" })
        period      = local.two_sweeps_seconds
      }
    },
    {
      for segment in range(sweep.segments) : "sweep-silent-${segment}" => {
        description         = "Three sweeps of segment ${segment} in a row did not finish. See the alarm ${local.sweep_silent}. This alarm has no actions."
        acts                = false
        namespace           = local.own_namespace
        metric_name         = "ActiveConnections"
        dimensions          = merge(local.own_dimension, { segment = tostring(segment) })
        statistic           = "SampleCount"
        comparison_operator = "LessThanThreshold"
        threshold           = 1
        period              = sweep.period_seconds
        evaluation_periods  = 3
        treat_missing_data  = "breaching"
      }
    },
  ]])...)

  # The defaults: one bad event within five minutes is enough. `datapoints` is how many of the evaluation periods must be bad, null = all. Some
  # alarms on sweeps need one of two, because a period as long as the sweep's sometimes does not contain every segment's sweep.
  usual = {
    statistic           = "Sum"
    comparison_operator = "GreaterThanThreshold"
    threshold           = 0
    period              = 300
    evaluation_periods  = 1
    treat_missing_data  = "notBreaching"
    datapoints          = null
    acts                = true
  }

  alarms = merge(local.function_alarms, local.cleanup_alarms, local.queue_alarms, local.disconnect_queue_alarms, local.report_alarms, local.sweep_alarms)
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = { for name, alarm in local.alarms : name => merge(local.usual, alarm) }

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  comparison_operator = each.value.comparison_operator
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.evaluation_periods
  datapoints_to_alarm = each.value.datapoints
  treat_missing_data  = each.value.treat_missing_data
  alarm_actions       = each.value.acts ? var.alarm_actions : []
  ok_actions          = each.value.acts ? local.ok_actions : []
  tags                = var.tags
}
