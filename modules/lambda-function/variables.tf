variable "name" {
  description = "Name of the function and of its role. Roles are global, so the name must be unique in the account."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "name must be 1 to 64 of A-Z a-z 0-9 _ -, for example \"chat-disconnect\"."
  }
}

variable "description" {
  description = "What the function does, shown in the console."
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
  description = "A zip of your own with the same handlers, given by its path or as an S3 object. null = the zip in this module. Without object_version, Terraform does not notice a new object under the same key."
  type = object({
    path = optional(string)
    s3 = optional(object({
      bucket         = string
      key            = string
      object_version = optional(string)
    }))
  })
  default = null

  validation {
    condition     = var.package == null || try((var.package.path == null) != (var.package.s3 == null), false)
    error_message = "package must say where the zip is, exactly once. Set either path = \"…\" or s3 = { bucket = \"…\", key = \"…\" }."
  }

  validation {
    condition     = try(var.package.path, null) == null || try(fileexists(var.package.path), false)
    error_message = "package.path must be the path of an existing zip. Build the zip first, and start the path with $${path.root} or $${path.module}."
  }
}

variable "code_signing_config_arn" {
  description = "ARN of a code signing configuration that the package must satisfy. null = none."
  type        = string
  default     = null

  validation {
    condition     = var.code_signing_config_arn == null || can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\\d{12}:code-signing-config:csc-[a-z0-9]{17}$", var.code_signing_config_arn))
    error_message = "code_signing_config_arn must be the ARN of a code signing configuration: aws_lambda_code_signing_config.this.arn."
  }

  validation {
    condition     = var.code_signing_config_arn == null || var.package != null
    error_message = "The module's zip does not have your signature. To use a code signing configuration, sign it with AWS Signer and set package to the signed zip."
  }
}

variable "layers" {
  description = "ARNs of layer versions, at most five."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.layers) <= 5 && alltrue([for arn in var.layers : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\\d{12}:layer:[A-Za-z0-9_-]+:\\d+$", arn))])
    error_message = "layers must hold at most five ARNs of layer versions: arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION."
  }
}

variable "runtime" {
  description = "Lambda's Python runtime."
  type        = string
  default     = "python3.13"
  nullable    = false

  validation {
    condition     = can(regex("^python3\\.1\\d$", var.runtime))
    error_message = "runtime must be one of Lambda's Python runtimes, 3.10 or later, for example \"python3.13\"."
  }
}

variable "architecture" {
  description = "Processor architecture: arm64 or x86_64."
  type        = string
  default     = "arm64"
  nullable    = false

  validation {
    condition     = contains(["arm64", "x86_64"], var.architecture)
    error_message = "architecture must be \"arm64\" or \"x86_64\"."
  }
}

variable "memory_size" {
  description = "Memory in MB. Lambda gives CPU in proportion."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_size >= 128 && var.memory_size <= 10240 && floor(var.memory_size) == var.memory_size
    error_message = "memory_size must be a whole number of MB from 128 to 10240."
  }
}

variable "timeout" {
  description = "Timeout in seconds."
  type        = number
  nullable    = false

  validation {
    condition     = var.timeout >= 1 && var.timeout <= 900 && floor(var.timeout) == var.timeout
    error_message = "timeout must be a whole number of seconds from 1 to 900."
  }
}

variable "reserved_concurrency" {
  description = "Concurrent executions reserved for this function, which are also its limit. null = uses the account's unreserved concurrency."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || try(var.reserved_concurrency >= 1 && floor(var.reserved_concurrency) == var.reserved_concurrency, false)
    error_message = "reserved_concurrency must be a whole number of at least 1, or null to use the account's unreserved concurrency. 0 would stop the function."
  }
}

variable "environment" {
  description = "Environment variables."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "tracing" {
  description = "X-Ray tracing mode: Active, or PassThrough to turn it off again. null = not managed."
  type        = string
  default     = null

  validation {
    condition     = var.tracing == null || try(contains(["Active", "PassThrough"], var.tracing), false)
    error_message = "tracing must be \"Active\", or \"PassThrough\" to turn it off again."
  }
}

variable "vpc" {
  description = "Subnets and security groups of a VPC. null = no VPC."
  type = object({
    subnet_ids                  = list(string)
    security_group_ids          = list(string)
    ipv6_allowed_for_dual_stack = optional(bool)
  })
  default = null

  validation {
    condition     = var.vpc == null || try(length(var.vpc.subnet_ids) >= 1 && alltrue([for id in var.vpc.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))]), false)
    error_message = "vpc.subnet_ids must be ids of subnets, such as subnet-0123456789abcdef0. Give at least one; better, one in each of two Availability Zones."
  }

  validation {
    condition     = var.vpc == null || try(length(var.vpc.security_group_ids) >= 1 && length(var.vpc.security_group_ids) <= 5 && alltrue([for id in var.vpc.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))]), false)
    error_message = "vpc.security_group_ids must be ids of one to five security groups, such as sg-0123456789abcdef0."
  }
}

variable "policy_statements" {
  description = "Permissions of the role in addition to writing its logs. condition is as in an IAM policy: operator → key → values."
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
  description = "Lambda's log format (JSON or Text), and the log group: retention in days, class, and whether a destroy keeps it; or an existing log group instead."
  type = object({
    retention_days = optional(number, 30)
    format         = optional(string, "JSON")
    class          = optional(string)
    skip_destroy   = optional(bool, false)
    group          = optional(object({ name = string, arn = string }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days must be a value that CloudWatch supports: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653."
  }

  validation {
    condition     = contains(["JSON", "Text"], var.logs.format)
    error_message = "logs.format must be \"JSON\" or \"Text\"."
  }

  validation {
    condition     = var.logs.class == null || try(contains(["STANDARD", "INFREQUENT_ACCESS"], var.logs.class), false)
    error_message = "logs.class must be \"STANDARD\" or \"INFREQUENT_ACCESS\"."
  }

  validation {
    condition     = var.logs.group == null || (var.logs.class == null && !var.logs.skip_destroy)
    error_message = "logs.group is managed elsewhere, so leave class and skip_destroy unset."
  }

  validation {
    condition     = var.logs.group == null || can(regex("^arn:aws[a-z-]*:logs:[a-z0-9-]+:\\d{12}:log-group:[A-Za-z0-9_/.#-]+$", var.logs.group.arn))
    error_message = "logs.group.arn must be the log group's ARN without a trailing \":*\": aws_cloudwatch_log_group.this.arn."
  }
}

variable "role" {
  description = "Path, permissions boundary and name suffix of the role."
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
    error_message = "role.name_suffix may contain letters, digits and + = , . @ _ -, for example \"-eu-central-1\". ${var.name} and the suffix together may have at most 64 characters, or 55 with role.path, which adds nine characters to the name."
  }
}

variable "existing_role" {
  description = "ARN of an existing role to use instead of creating one. It needs the policy in the output `policy`."
  type        = object({ arn = string })
  default     = null

  validation {
    condition     = var.existing_role == null || can(regex("^arn:aws[a-z-]*:iam::\\d{12}:role/[A-Za-z0-9+=,.@_/-]+$", var.existing_role.arn))
    error_message = "existing_role.arn must be the ARN of a role: aws_iam_role.this.arn."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts environment variables and logs. Its key policy must allow CloudWatch Logs. null = keys that AWS owns."
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
