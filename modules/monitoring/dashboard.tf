# One page, in the order in which somebody on call asks: who is connected, how connections end, what was not told and how long it stayed
# unseen, what fails, and whether the functions, the queue and the sweep keep up. make screenshot draws it.

locals {
  runbook = join("\n", concat(
    ["**What is wrong, an alarm tells, and its description says what to do.** Why, the log says: Logs Insights, saved queries `${var.name}/…`."],
    [for queue in var.retry_queue[*] : "Dead letters, once the cause is mended: `aws sqs start-message-move-task --source-arn ${queue.dead_letter_arn} --destination-arn ${queue.arn}`"],
  ))

  charts = concat(
    [for sweep in var.sweep[*] : {
      title = "Active connections"
      metrics = [
        for segment in range(sweep.segments) :
        [local.own_namespace, "ActiveConnections", "Name", var.name, "segment", tostring(segment), { stat = "Maximum" }]
      ]
    }],
    var.connection_metrics ? [{
      title = "Endings by cause"
      metrics = [
        for cause in ["client_closed", "navigated_away", "idle_timeout", "closed_by_server", "message_too_big", "abnormal", "expired", "gone", "duplicate", "unknown"] :
        [local.own_namespace, "Closed", "Name", var.name, "cause", cause, { stat = "Sum", label = cause }]
      ]
    }] : [],
    [for sweep in var.sweep[*] : {
      title = "Endings that $disconnect did not tell, %"
      metrics = [
        [{ expression = "100 * (FILL(expired, 0) + FILL(gone, 0)) / (FILL(expired, 0) + FILL(gone, 0) + FILL(told, 0))", label = "not told, %", id = "share" }],
        [local.told.namespace, local.told.metric_name, one(keys(local.told.dimensions)), one(values(local.told.dimensions)), { stat = "Sum", id = "told", visible = false }],
        [local.own_namespace, "RemovedExpired", "Name", var.name, { stat = "Sum", id = "expired", visible = false }],
        [local.own_namespace, "RemovedGone", "Name", var.name, { stat = "Sum", id = "gone", visible = false }],
      ]
    }],
    [for sweep in var.sweep[*] : {
      title   = "Time to truth: how long the removed had been silent, s"
      metrics = [[local.own_namespace, "Silent", "Name", var.name, { stat = "Maximum" }]]
    }],
    [{
      title = "Failures"
      metrics = concat(
        [[local.own_namespace, "Failures", "Name", var.name, { stat = "Sum" }]],
        [for queue in var.retry_queue[*] : [local.own_namespace, "RetryAge", "Name", var.name, { stat = "Maximum", yAxis = "right" }]],
      )
    }],
    [for queue in var.disconnect_queue[*] : {
      title = "Disconnect queue, and what API Gateway could not send"
      metrics = concat(
        [
          ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name, { stat = "Maximum" }],
          ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, { stat = "Maximum", yAxis = "right" }],
        ],
        [for pair in setproduct(queue.stage[*], ["IntegrationError", "ExecutionError"]) : ["AWS/ApiGateway", pair[1], "ApiId", queue.api_id, "Stage", pair[0], { stat = "Sum" }]],
      )
    }],
    [for queue in var.retry_queue[*] : {
      title = "Retry queue and dead letters"
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name, { stat = "Maximum" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.dead_letter_name, { stat = "Maximum" }],
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, { stat = "Maximum", yAxis = "right" }],
      ]
    }],
    [{
      title = "Functions"
      metrics = [
        for pair in setproduct(concat([var.functions.disconnect], var.functions.cleanup[*]), ["Invocations", "Errors", "Throttles"]) :
        ["AWS/Lambda", pair[1], "FunctionName", pair[0].name, { stat = "Sum" }]
      ]
    }],
    [for sweep in var.sweep[*] : {
      title = "Sweep"
      metrics = [
        [local.own_namespace, "RemovedExpired", "Name", var.name, { stat = "Sum" }],
        [local.own_namespace, "RemovedGone", "Name", var.name, { stat = "Sum" }],
        [local.own_namespace, "Unproven", "Name", var.name, { stat = "Maximum" }],
        [local.own_namespace, "ProbeRate", "Name", var.name, { stat = "Maximum", yAxis = "right" }],
      ]
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = "${var.name}-${var.region}" # dashboards are the account's, whatever their region
  dashboard_body = jsonencode({
    widgets = concat(
      [{ type = "text", width = 24, height = 3, properties = { markdown = local.runbook } }],
      [
        for chart in local.charts : {
          type   = "metric"
          width  = 12
          height = 6
          properties = {
            title   = chart.title
            region  = var.region
            period  = 300
            metrics = chart.metrics
          }
        }
      ],
    )
  })
}
