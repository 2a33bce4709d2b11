variable "name" {
  description = "Name of the schedule group and of the role. Each schedule's name is NAME-SEGMENT."
  type        = string
  nullable    = false
}

variable "function" {
  description = "The clean-up function: its name and its ARN."
  type = object({
    name = string
    arn  = string
  })
  nullable = false
}

variable "function_arn" {
  description = "The function's ARN, known before the function exists. So the role's policy does not wait for the function."
  type        = string
  nullable    = false
}

variable "schedule" {
  description = "How often it sweeps: rate(N minutes), rate(N hours) or rate(1 day)."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false
}

variable "segments" {
  description = "Number of segments of the table. Each has its own schedule and is scanned by its own invocation."
  type        = number
  default     = 1
  nullable    = false
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
}

variable "existing_role" {
  description = "ARN of an existing role to use instead of creating one. It needs the policy in the output `policy`."
  type        = object({ arn = string })
  default     = null
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the schedules. null = a key that AWS owns."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of schedule group and role."
  type        = map(string)
  default     = {}
  nullable    = false
}
