# One page: how many are connected, what the functions and the queue are doing, and whether the sweep keeps up.

locals {
  functions = compact([var.functions.disconnect, var.functions.cleanup])

  charts = concat(
    [{
      title = "Functions"
      metrics = [
        for pair in setproduct(local.functions, ["Invocations", "Errors", "Throttles"]) :
        ["AWS/Lambda", pair[1], "FunctionName", pair[0], { stat = "Sum" }]
      ]
    }],
    [for queue in var.retry_queue[*] : {
      title = "Retry queue"
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.name, { stat = "Maximum" }],
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", queue.dead_letter_name, { stat = "Maximum" }],
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", queue.name, { stat = "Maximum", yAxis = "right" }],
      ]
    }],
    [for sweep in var.sweep[*] : {
      title = "Active connections"
      metrics = [
        for segment in range(sweep.segments) :
        [local.own_namespace, "ActiveConnections", "Name", var.name, "segment", tostring(segment), { stat = "Maximum" }]
      ]
    }],
    [for sweep in var.sweep[*] : {
      title = "Sweep"
      metrics = [
        [local.own_namespace, "RemovedExpired", "Name", var.name, { stat = "Sum" }],
        [local.own_namespace, "RemovedGone", "Name", var.name, { stat = "Sum" }],
        [local.own_namespace, "Unproven", "Name", var.name, { stat = "Maximum" }],
        [local.own_namespace, "ProbeRate", "Name", var.name, { stat = "Maximum", yAxis = "right" }],
        [local.own_namespace, "Overdue", "Name", var.name, { stat = "Maximum", yAxis = "right" }],
      ]
    }],
  )
}

resource "aws_cloudwatch_dashboard" "this" {
  count = var.dashboard ? 1 : 0

  dashboard_name = "${var.name}-${var.region}" # dashboards are the account's, whatever their region
  dashboard_body = jsonencode({
    widgets = [
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
    ]
  })
}
