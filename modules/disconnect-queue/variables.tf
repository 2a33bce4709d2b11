variable "name" {
  description = "Beginning of the names of queue and role: NAME-disconnects-… and NAME-gateway."
  type        = string
  nullable    = false
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
}

variable "maximum_concurrency" {
  description = "How many batches the queue hands out at a time."
  type        = number
  nullable    = false
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
}

variable "existing_role" {
  description = "ARN of a role to use instead of one that this module makes. Its owner allows it what the output `policy` says."
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
