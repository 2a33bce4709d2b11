variable "name" {
  description = "Name of the rule."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9._-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 of A-Z a-z 0-9 . _ -, for example \"chat-look-at-once\"."
  }
}

variable "function" {
  description = "The clean-up function: its name and its ARN."
  type = object({
    name = string
    arn  = string
  })
  nullable = false

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\\d{12}:function:[A-Za-z0-9_-]+$", var.function.arn))
    error_message = "function.arn must be the function's ARN without a version: aws_lambda_function.this.arn."
  }
}

variable "segments" {
  description = "How many parts the clean-up function sweeps the table in."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.segments >= 1 && var.segments <= 100 && floor(var.segments) == var.segments
    error_message = "segments must be a whole number from 1 to 100."
  }
}

variable "alarm_arns" {
  description = "ARNs of the alarms that tell of lost events."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.alarm_arns) >= 1 && alltrue([for arn in var.alarm_arns : can(regex("^arn:aws[a-z-]*:cloudwatch:[a-z0-9-]+:\\d{12}:alarm:[^*]+$", arn))])
    error_message = "alarm_arns must be ARNs of alarms, at least one: aws_cloudwatch_metric_alarm.this.arn."
  }
}

variable "tags" {
  description = "Tags of the rule."
  type        = map(string)
  default     = {}
  nullable    = false
}
