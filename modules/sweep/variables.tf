variable "name" {
  description = "Name of the schedule group and of the role; each schedule's is the same with the number of its segment."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,61}$", var.name))
    error_message = "name must be 1 to 61 of A-Z a-z 0-9 _ -, for example \"chat-sweep\"."
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

variable "schedule" {
  description = "How often: rate(N minutes), rate(N hours) or rate(1 day)."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false

  validation {
    condition     = can(regex("^rate\\((1 (minute|hour|day)|([2-9]|[1-9]\\d|[1-9]\\d\\d) minutes|([2-9]|1\\d|2[0-4]) hours)\\)$", var.schedule))
    error_message = "schedule must be a rate of a minute to a day, for example \"rate(5 minutes)\", \"rate(1 hour)\" or \"rate(1 day)\"."
  }
}

variable "segments" {
  description = "How many invocations share the table, each scanning its part."
  type        = number
  default     = 1
  nullable    = false

  validation {
    condition     = var.segments >= 1 && var.segments <= 100 && floor(var.segments) == var.segments
    error_message = "segments must be a whole number from 1 to 100."
  }
}

variable "role" {
  description = "Path of the role, the boundary of its permissions, and the ending of its name."
  type = object({
    path                     = optional(string, "/")
    permissions_boundary_arn = optional(string)
    name_suffix              = optional(string, "")
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role.path))
    error_message = "role.path must begin and end with a slash, for example \"/service/\"."
  }

  validation {
    condition = (
      var.role.permissions_boundary_arn == null
      || can(regex("^arn:aws[a-z-]*:iam::(\\d{12}|aws):policy/", var.role.permissions_boundary_arn))
    )
    error_message = "role.permissions_boundary_arn must be the ARN of a managed policy: arn:aws:iam::ACCOUNT:policy/NAME."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]*$", var.role.name_suffix)) && length("${var.name}${var.role.name_suffix}") <= (var.role.path == "/" ? 64 : 55)
    error_message = "role.name_suffix must be letters, digits and + = , . @ _ -, for example \"-eu-central-1\", and short enough for ${var.name} and it to be at most 64, or 55 with a path, which adds nine to the name."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the schedules. null = a key that AWS owns."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "tags" {
  description = "Tags of schedule group and role."
  type        = map(string)
  default     = {}
  nullable    = false
}
