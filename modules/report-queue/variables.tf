variable "name" {
  description = "Beginning of the queue's name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,53}$", var.name))
    error_message = "name must be 1 to 53 of A-Z a-z 0-9 _ -, for example \"chat-reports\"."
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

variable "senders" {
  description = "ARNs of roles of other accounts that may send."
  type        = list(string)
  default     = []
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the queue. null = SQS's own key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "tags" {
  description = "Tags of queue and event source mapping."
  type        = map(string)
  default     = {}
  nullable    = false
}
