variable "name" {
  description = "Beginning of the alarms' names, the dashboard's name, and the dimension Name of the functions' own metrics (METRICS_NAME)."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,200}$", var.name))
    error_message = "name must be 1 to 200 of A-Z a-z 0-9 _ -, for example \"chat\"."
  }
}

variable "functions" {
  description = "The functions. An object, whose attributes may be known only after apply: whether there is a clean-up function must be known before."
  type = object({
    disconnect = object({ name = string, timeout = number, log_group_name = string })
    cleanup    = optional(object({ name = string, timeout = number }))
  })
  nullable = false
}

variable "log_group_names" {
  description = "Names of the functions' log groups, which the saved queries read."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.log_group_names) >= 1 && length(var.log_group_names) <= 50
    error_message = "log_group_names must name the functions' log groups, at least one: /aws/lambda/chat-disconnect."
  }
}

variable "log_level" {
  description = "Level of the functions' lines: with INFO the disconnect function writes one for each disconnect, which an alarm expects."
  type        = string
  default     = "INFO"
  nullable    = false
}

variable "disconnect_queue" {
  description = "The queue that $disconnect events come by, with the API's id and stage; null = API Gateway invokes the function."
  type        = object({ name = string, api_id = string, stage = optional(string) })
  default     = null
}

variable "report_queue" {
  description = "The queue of reports; null = no alarm on it."
  type        = object({ name = string })
  default     = null
}

variable "retry_queue" {
  description = "The retry queue and its dead-letter queue; null = no alarms on queues."
  type = object({
    name             = string
    arn              = string
    dead_letter_name = string
    dead_letter_arn  = string
  })
  default = null
}

variable "sweep" {
  description = "Seconds from one sweep to the next, the number of segments, and whether other APIs share the table; null = no alarms on the sweep."
  type = object({
    period_seconds = number
    segments       = number
    shared_table   = optional(bool, false)
  })
  default = null

  validation {
    condition     = var.sweep == null || try(var.sweep.period_seconds % 60 == 0 && var.sweep.period_seconds <= 86400, false)
    error_message = "sweep.period_seconds must be a multiple of 60, at most 86400: CloudWatch knows no other periods."
  }

  validation {
    condition     = var.sweep == null || var.functions.cleanup != null
    error_message = "The clean-up function does the sweep: set functions.cleanup, or leave sweep out."
  }
}

variable "alarm_actions" {
  description = "ARNs of what is told when an alarm goes off: SNS topics, Lambda functions, OpsItems, response plans, investigation groups; the first two also when it is over."
  type        = list(string)
  default     = []
  nullable    = false

  # What metric alarms and composite alarms both take: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
  validation {
    condition = length(var.alarm_actions) <= 5 && alltrue([
      for arn in var.alarm_actions : anytrue([for kind in [
        "sns:[a-z0-9-]+:\\d{12}:[A-Za-z0-9_-]+",
        "lambda:[a-z0-9-]+:\\d{12}:function:[A-Za-z0-9_:$-]+",
        "ssm:[a-z0-9-]+:\\d{12}:opsitem:[1-4](#CATEGORY=[A-Za-z]+)?",
        "ssm-incidents::\\d{12}:responseplan/[A-Za-z0-9_-]+",
        "aiops:[a-z0-9-]+:\\d{12}:investigation-group[:/].+",
      ] : can(regex("^arn:aws[a-z-]*:${kind}$", arn))])
    ])
    error_message = "alarm_actions must be at most five ARNs of SNS topics, Lambda functions, OpsItems (arn:aws:ssm:REGION:ACCOUNT:opsitem:SEVERITY), response plans or investigation groups. EC2 and Auto Scaling actions are for alarms on an instance or a group."
  }
}

variable "dashboard" {
  description = "Whether to make a dashboard (3 USD a month beyond the account's first three)."
  type        = bool
  default     = false
  nullable    = false
}

variable "connection_metrics" {
  description = "Whether the functions publish the metric Closed, by cause: then the dashboard shows it."
  type        = bool
  default     = false
  nullable    = false
}

variable "region" {
  description = "Region of the metrics on the dashboard."
  type        = string
  default     = null

  validation {
    condition     = !var.dashboard || var.region != null
    error_message = "region must be given with dashboard = true, for example \"eu-central-1\"."
  }
}

variable "tags" {
  description = "Tags of the alarms."
  type        = map(string)
  default     = {}
  nullable    = false
}
