# The alarms that page somebody. Each description says what has happened and what to do, since it is all the pager shows.

locals {
  own_namespace = "WebSocketConnections"
  own_dimension = { Name = var.name }
  sweep_silent  = "${var.name}-sweep-silent"

  # The Scheduler is precise to a minute, so that a period as long as a sweep's now and then has none in it, and two in the next: an alarm on
  # what every sweep says would go off twice. One twice as long always has one.
  two_sweeps_seconds = min(2 * try(var.sweep.period_seconds, 0), 86400)

  # Lambda stamps an error with the time at which its invocation began, and CloudWatch takes a while: an alarm that looked at the last five
  # minutes only would find them judged already. So many periods hold every time-out, with a minute to arrive and those of both ends.
  # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html
  error_periods = { for name, function in var.functions : name => try(ceil((function.timeout + 240) / 300), 1) } # null: no such function

  # An OpsItem, an incident or an investigation is opened by an alarm, and nothing closes it when the alarm is over.
  ok_actions = [for arn in var.alarm_actions : arn if contains(["sns", "lambda"], split(":", arn)[2])]

  # What the alarms on the disconnect function mean: by the queue nothing is lost when it fails, and all of it comes back.
  meaning = var.disconnect_queue == null ? {
    errors    = "Disconnects failed, and the retry queue could not take them either: see the error lines in the function's log; if there are none, the function cannot start (a wrong handler, layer, runtime or key). Sweeps remove the records."
    throttles = "Disconnects were refused for want of concurrency; API Gateway does not repeat them. Raise reserved_concurrency or the account's limit. Sweeps remove the records."
    missed    = "the alarms on throttles and errors, and API Gateway's IntegrationError, say what was lost."
    } : {
    errors    = "Batches of disconnects failed: see the error lines in the function's log; if there are none, the function cannot start (a wrong handler, layer, runtime or key). Nothing is lost: they come back, and in the end lie in the dead-letter queue."
    throttles = "Batches of disconnects were refused for want of concurrency. Nothing is lost: they come back, but meanwhile the table shows connections that have ended. Raise reserved_concurrency or the account's limit, or lower disconnect_queue.maximum_concurrency."
    missed    = "API Gateway could not send them to the disconnect queue: see its IntegrationError and ExecutionError, and the policies of queue and role."
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
      description = "Disconnects go by boto3, which starts five times slower, so that more are lost when many come at once: the fast_path_off lines of the disconnect function say why. Remove the variable they name, or update the module. No record is lost by it."
      namespace   = local.own_namespace
      metric_name = "FastPathOff"
      dimensions  = local.own_dimension
    }
  }

  cleanup_alarms = merge([for function in var.functions.cleanup[*] : {
    cleanup-errors = {
      description = "The clean-up function failed: see the error lines in its log; if there are none, it cannot start, or ran out of time or memory. Messages come back by themselves, and the next sweep does what this one did not."
      namespace   = "AWS/Lambda"
      metric_name = "Errors"
      dimensions  = { FunctionName = function.name }

      evaluation_periods = local.error_periods.cleanup
      datapoints         = 1
    }
  }]...)

  queue_alarms = merge([for queue in var.retry_queue[*] : {
    # With a destination: what the function itself put there has no source queue that SQS knows (CouldNotDetermineMessageSource).
    dead-letters = {
      description = "Work was given up: read the messages in the dead-letter queue and the clean-up function's error lines, and mend the cause. OK also means that they have expired, 14 days after they were first sent. Discard those with step message. Send the others back: aws sqs start-message-move-task --source-arn ${queue.dead_letter_arn} --destination-arn ${queue.arn}"
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.dead_letter_name }
      statistic   = "Maximum"
    }
    # A letter lies there for four days at least. By the hour, of which a look at the letters, which hides them, may spoil some.
    dead-letters-left = {
      description = "Dead letters have been lying for three days; the first may expire within a day: aws sqs start-message-move-task --source-arn ${queue.dead_letter_arn} --destination-arn ${queue.arn}, or discard them."
      namespace   = "AWS/SQS"
      metric_name = "ApproximateNumberOfMessagesVisible"
      dimensions  = { QueueName = queue.dead_letter_name }
      statistic   = "Minimum"
      period      = 3600

      evaluation_periods = 72
      datapoints         = 60
    }
    # This metric leaves out what has been received three times. A message may be sent with a delay of 15 min, and wait for a batch.
    retries-waiting = {
      description = "Messages wait in the retry queue and nobody receives them: is its event source mapping enabled, may the clean-up function's role receive and decrypt, is the function throttled? After ten days they expire."
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      threshold   = 900 + 300 + try(var.functions.cleanup.timeout, 0)
    }
    # By the age that the function reads from each message: SQS's own ApproximateAgeOfOldestMessage leaves out what has been received
    # three times, which a retry has within a minute. A message comes back after 15 min at most; its batch may hold it up a little.
    failing = {
      description = "Work has been failing for more than 15 minutes, however often it was tried: the clean-up function's lines with an error say which step and why. Nothing is lost yet; the last attempt puts it into the dead-letter queue."
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
      description = "Disconnects have been waiting for more than a minute, so the table shows connections that have ended. After a storm they are worked off. Otherwise: is the disconnect queue's event source mapping enabled, is the function throttled, does DynamoDB throttle (lines with outcome postponed)? Nothing is lost: they wait for ten days."
      namespace   = "AWS/SQS"
      metric_name = "ApproximateAgeOfOldestMessage"
      dimensions  = { QueueName = queue.name }
      statistic   = "Maximum"
      threshold   = 60
      period      = 60
    }
    # Errors of all routes: API Gateway counts them by route only with detailed metrics, and IntegrationError also counts what integrations refuse.
    gateway-errors = {
      description = "API Gateway could not call an integration, $disconnect's or another's. If it is $disconnect's, events are lost: may API Gateway assume the role and send to the disconnect queue? The stage's execution log says which route. Sweeps remove the records."
      namespace   = "AWS/ApiGateway"
      metric_name = "ExecutionError"
      dimensions  = merge({ ApiId = queue.api_id }, { for stage in queue.stage[*] : "Stage" => stage })
    }
  }]...)

  report_alarms = merge([for queue in var.report_queue[*] : {
    reports-waiting = {
      description = "Reports wait and nobody receives them: is the report queue's event source mapping enabled, is the clean-up function throttled? After an hour they are dropped, and the sweep finds these connections later."
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
        description        = "API Gateway says that connections are gone whose records don't say that they are of this API and stage, so these records stay for two hours: write apiId and stage from the event into the record at $connect, or, if no other stage writes to this table, set sweep.probe.exclusive_table = true."
        namespace          = local.own_namespace
        metric_name        = "Unproven"
        dimensions         = local.own_dimension
        statistic          = "Maximum"
        period             = local.two_sweeps_seconds
        evaluation_periods = 2
        treat_missing_data = "ignore"
      }
      probes-refused = {
        description        = "In three sweeps in a row most probes had no answer, so lost disconnects show for two hours: see refusal in the sweep's lines; 403 means a wrong API or stage, 429 a quota that others use up."
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
        description        = "The table holds records with neither a usable connectedAt nor expiresAt, and the probe is off: once their $disconnect is lost they stay for ever. Write connectedAt (epoch ms) from the event into the record at $connect, or turn the probe on: sweep.probe = {}."
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
        description        = "In sweep after sweep there were dead records that could not be removed: the clean-up function's error lines say why (a role, the table, or too little time: see durationMs, and raise sweep.segments)."
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
        description        = "The table holds records of another API or stage, which the sweep leaves alone until they are a day old: give each its own table, correct websocket_api, or, if they share it on purpose, set connections_table.shared = true."
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
    # They tell nobody: sweep_silent.tf does, for all of them, unless sweeps fail, of which cleanup-errors tells.
    {
      sweep-errors = {
        description = "A sweep failed: see the alarm ${var.name}-cleanup-errors."
        tells       = false
        namespace   = local.own_namespace
        metric_name = "Failures"
        dimensions  = merge(local.own_dimension, { step = "sweep" })
        period      = local.two_sweeps_seconds
      }
    },
    {
      for segment in range(sweep.segments) : "sweep-silent-${segment}" => {
        description         = "Three sweeps of segment ${segment} in a row did not finish: see the alarm ${local.sweep_silent}."
        tells               = false
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

  # What an alarm does not say: one bad event within five minutes is enough. `datapoints` are how many of its evaluation periods must be
  # bad, null = all: the Scheduler is precise to a minute, so that a period of the sweep's now and then lacks one of several segments.
  usual = {
    statistic           = "Sum"
    comparison_operator = "GreaterThanThreshold"
    threshold           = 0
    period              = 300
    evaluation_periods  = 1
    treat_missing_data  = "notBreaching"
    datapoints          = null
    tells               = true
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
  alarm_actions       = each.value.tells ? var.alarm_actions : []
  ok_actions          = each.value.tells ? local.ok_actions : []
  tags                = var.tags
}
