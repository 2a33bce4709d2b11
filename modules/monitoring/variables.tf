variable "name" {
  description = "Start of the names of alarms and dashboard, and the dimension Name of the functions' own metrics (METRICS_NAME)."
  type        = string
  nullable    = false
}

variable "functions" {
  description = "The functions. cleanup = null: there is no clean-up function. Whether it is null must be known at plan time."
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
}

variable "log_level" {
  description = "Level of the functions' log lines. The alarm unlogged exists only with INFO, because then every disconnect writes a line."
  type        = string
  default     = "INFO"
  nullable    = false
}

variable "disconnect_queue" {
  description = "The queue of $disconnect events, and the API's id and stage. null = API Gateway invokes the function."
  type        = object({ name = string, api_id = string, stage = optional(string) })
  default     = null
}

variable "report_queue" {
  description = "The report queue. null = no alarm on it."
  type        = object({ name = string })
  default     = null
}

variable "retry_queue" {
  description = "The retry queue and its dead-letter queue. null = no alarms on them."
  type = object({
    name             = string
    arn              = string
    dead_letter_name = string
    dead_letter_arn  = string
  })
  default = null
}

variable "sweep" {
  description = "Seconds from one sweep to the next, the number of segments, and whether other APIs share the table. null = no alarms on the sweep."
  type = object({
    period_seconds = number
    segments       = number
    shared_table   = optional(bool, false)
  })
  default = null
}

variable "alarm_actions" {
  description = "ARNs that alarms notify: SNS topics, Lambda functions, OpsItems, response plans, investigation groups. The first two are also notified when the alarm returns to OK."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "dashboard" {
  description = "Whether to create a dashboard (3 USD a month after the account's first three)."
  type        = bool
  default     = false
  nullable    = false
}

variable "connection_metrics" {
  description = "Whether the functions publish the metric Closed by cause, which the dashboard then shows."
  type        = bool
  default     = false
  nullable    = false
}

variable "region" {
  description = "Region of the metrics on the dashboard."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the alarms."
  type        = map(string)
  default     = {}
  nullable    = false
}
