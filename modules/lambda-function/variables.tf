variable "name" {
  description = "Name of the function and of its role; unique in the account, since roles know no region."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 of A-Z a-z 0-9 _ -, for example \"chat-disconnect\"."
  }
}

variable "description" {
  description = "What the function does, for whoever finds it in the console."
  type        = string
  nullable    = false
}

variable "handler" {
  description = "Entry point within the package: module.function."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z_]+\\.[a-z_]+$", var.handler))
    error_message = "handler must be module.function, for example \"disconnect.lambda_handler\"."
  }
}

variable "package" {
  description = "A zip of your own with the same handlers in it, by its path; null = the zip that comes with this module."
  type        = object({ path = string })
  default     = null

  validation {
    condition     = var.package == null || try(fileexists(var.package.path), false)
    error_message = "package.path must be the path of an existing zip: build it first, and start from $${path.root} or $${path.module}."
  }
}

variable "runtime" {
  description = "Lambda's Python runtime."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = can(regex("^python3\\.1\\d$", var.runtime))
    error_message = "runtime must be one of Lambda's Python runtimes from 3.10 on, for example \"python3.13\"."
  }
}

variable "architecture" {
  description = "Processor: arm64 or x86_64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be \"arm64\" or \"x86_64\"."
  }
}

variable "memory_size" {
  description = "Memory in MB; processor time grows with it."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Longest run in seconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 1 to 900."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent runs kept for this function, which are also its limit. null = shared with the account."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || try(var.reserved_concurrency >= 1, false)
    error_message = "reserved_concurrency must be at least 1 (0 would stop the function), or null to share the account's."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "policy_statements" {
  description = "What the role may do besides writing its logs. condition is as in a policy: operator → key → values."
  type = list(object({
    sid       = string
    actions   = list(string)
    resources = list(string)
    condition = optional(map(map(list(string))))
  }))
  default  = []
  nullable = false
}

variable "logs" {
  description = "Log group: days to keep, and Lambda's log format (JSON or Text)."
  type = object({
    retention_days = optional(number, 30)
    format         = optional(string, "JSON")
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days must be one that CloudWatch knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }

  validation {
    condition     = contains(["JSON", "Text"], var.logs.format)
    error_message = "logs.format must be \"JSON\" or \"Text\"."
  }
}

variable "role" {
  description = "Path of the role and the boundary of its permissions."
  type = object({
    path                     = optional(string, "/")
    permissions_boundary_arn = optional(string)
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
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts environment and logs; its policy must admit CloudWatch Logs. null = keys that AWS owns."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "tags" {
  description = "Tags of function, role and log group."
  type        = map(string)
  default     = {}
  nullable    = false
}
