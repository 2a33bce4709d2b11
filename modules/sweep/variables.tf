variable "name" {
  description = "Name of the schedule group and of the role; each schedule's is the same with the number of its segment."
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
  description = "That ARN again, put together. The policy must not wait for the function, which may wait for its own role's policy."
  type        = string
  nullable    = false
}

variable "schedule" {
  description = "How often: rate(N minutes), rate(N hours) or rate(1 day)."
  type        = string
  default     = "rate(5 minutes)"
  nullable    = false
}

variable "segments" {
  description = "How many invocations share the table, each scanning its part."
  type        = number
  default     = 1
  nullable    = false
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
}

variable "existing_role" {
  description = "ARN of a role to use instead of one that this module makes. Its owner allows it what the output `policy` says."
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
