variable "name" {
  description = "Beginning of the names of queue and role: NAME-disconnects-… and NAME-gateway."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,41}$", var.name))
    error_message = "name must be 1 to 41 of A-Z a-z 0-9 _ -, for example \"chat\"."
  }
}

variable "function_name" {
  description = "Name of the function that the queue invokes."
  type        = string
  nullable    = false
}

variable "function_timeout" {
  description = "That function's time-out in seconds; a message stays invisible for six times as long, as Lambda advises."
  type        = number
  nullable    = false

  validation {
    condition     = var.function_timeout >= 1 && var.function_timeout <= 900
    error_message = "function_timeout must be the function's time-out in seconds, from 1 to 900."
  }
}

variable "dead_letter_arn" {
  description = "ARN of the queue for messages that never succeed."
  type        = string
  nullable    = false
}

variable "max_receive_count" {
  description = "How often a message is tried before it goes to the dead-letter queue."
  type        = number
  nullable    = false

  validation {
    condition     = var.max_receive_count * (6 * var.function_timeout + 20) <= 10 * 86400
    error_message = "max_receive_count must be at most ${floor(10 * 86400 / (6 * var.function_timeout + 20))} with a function_timeout of ${var.function_timeout}: so many attempts can take ten days, and older messages expire before they reach the dead-letter queue."
  }
}

variable "maximum_concurrency" {
  description = "How many batches the queue hands out at a time."
  type        = number
  nullable    = false

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000 && floor(var.maximum_concurrency) == var.maximum_concurrency
    error_message = "maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "role" {
  description = "Of the role: path, permissions boundary, and the ending of its name."
  type = object({
    path                     = optional(string, "/")
    permissions_boundary_arn = optional(string)
    name_suffix              = optional(string, "")
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]*$", var.role.name_suffix)) && length("${var.name}-gateway${var.role.name_suffix}") <= (var.role.path == "/" ? 64 : 55)
    error_message = "role.name_suffix must be letters, digits and + = , . @ _ -, for example \"-eu-central-1\", and short enough for ${var.name}-gateway and it to be at most 64, or 55 with a path, which adds nine to the name."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the queue. null = SQS's own key."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of queue, role and event source mapping."
  type        = map(string)
  default     = {}
  nullable    = false
}
