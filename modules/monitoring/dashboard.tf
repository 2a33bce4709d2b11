# One page, in the order of on-call questions: how many are connected, how connections end, which endings had no event and how long their records
# stayed, what fails, and whether the functions, the queue and the sweep keep up. make screenshot draws it.

locals {
  runbook = join("\n", concat(
    ["**An alarm says what is wrong, and its description says what to do.** To find out why, use the saved queries `${var.name}/…` in Logs Insights."],
    [for queue in var.retry_queue[*] : "To send dead letters back once the cause is fixed: `aws sqs start-message-move-task --source-arn ${queue.dead_letter_arn} --destination-arn ${queue.arn}`"],
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
      title = "Endings without a $disconnect event, %"
      metrics = [
        [{ expression = "100 * (FILL(expired, 0) + FILL(gone, 0)) / (FILL(expired, 0) + FILL(gone, 0) + FILL(received, 0))", label = "without an event, %", id = "share" }],
        [local.received.namespace, local.received.metric_name, one(keys(local.received.dimensions)), one(values(local.received.dimensions)), { stat = "Sum", id = "received", visible = false }],
        [local.own_namespace, "RemovedExpired", "Name", var.name, { stat = "Sum", id = "expired", visible = false }],
        [local.own_namespace, "RemovedGone", "Name", var.name, { stat = "Sum", id = "gone", visible = false }],
      ]
    }],
    [for sweep in var.sweep[*] : {
      title   = "How long ended connections stayed in the table, s"
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
      title = "Disconnect queue, and errors of API Gateway"
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
