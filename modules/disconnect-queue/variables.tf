variable "name" {
  description = "Start of the names of queue and role: NAME-disconnects-… and NAME-gateway."
  type        = string
  nullable    = false
}

variable "function_name" {
  description = "Name of the function that the queue invokes."
  type        = string
  nullable    = false
}

variable "function_timeout" {
  description = "The function's timeout in seconds. The visibility timeout is six times as long, as Lambda recommends."
  type        = number
  nullable    = false
}

variable "dead_letter_arn" {
  description = "ARN of the dead-letter queue."
  type        = string
  nullable    = false
}

variable "max_receive_count" {
  description = "How often a message is received before it goes to the dead-letter queue."
  type        = number
  nullable    = false
}

variable "maximum_concurrency" {
  description = "How many batches the function handles at a time."
  type        = number
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
