variable "name" {
  description = "Beginning of both queues' names: NAME-retry-… and NAME-dead-letter-…"
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,41}$", var.name))
    error_message = "name must be 1 to 41 of A-Z a-z 0-9 _ -, for example \"chat\"."
  }
}

variable "dead_letter_sources" {
  description = "ARNs of other queues that may use the dead-letter queue."
  type        = list(string)
  default     = []
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

  validation {
    condition     = var.function_timeout >= 1 && var.function_timeout <= 900
    error_message = "function_timeout must be the function's time-out in seconds, from 1 to 900."
  }
}

variable "senders" {
  description = "ARNs of the roles that may send to the retry queue, and of whoever sends dead letters back; * and ? stand for what is not known."
  type        = list(string)
  nullable    = false

  validation {
    condition     = length(var.senders) > 0 && alltrue([for arn in var.senders : can(regex("^arn:aws[a-z-]*:iam::\\d{12}:(role|user)/", arn))])
    error_message = "senders must be ARNs of roles or users, at least one: arn:aws:iam::ACCOUNT:role/NAME."
  }
}

variable "max_receive_count" {
  description = "How often a message is tried before it goes to the dead-letter queue."
  type        = number
  default     = 100
  nullable    = false

  validation {
    condition     = var.max_receive_count >= 5 && var.max_receive_count <= 1000 && floor(var.max_receive_count) == var.max_receive_count
    error_message = "max_receive_count must be a whole number from 5 (fewer, and a throttled function loses messages) to 1000."
  }

  # From one receipt to the next at most: a batch and then the function's longest back-off (900 s), or, when the function could not even ask
  # for that, the visibility time-out; and the mapping's poll.
  validation {
    condition     = var.max_receive_count * (max(900 + var.function_timeout, 6 * var.function_timeout) + 20) <= 10 * 86400
    error_message = "max_receive_count must be at most ${floor(10 * 86400 / (max(900 + var.function_timeout, 6 * var.function_timeout) + 20))} with a function_timeout of ${var.function_timeout}: so many attempts can take ten days, and older messages expire before they reach the dead-letter queue."
  }
}

variable "maximum_concurrency" {
  description = "How many batches the queue hands out at a time."
  type        = number
  default     = 5
  nullable    = false

  validation {
    condition     = var.maximum_concurrency >= 2 && var.maximum_concurrency <= 1000 && floor(var.maximum_concurrency) == var.maximum_concurrency
    error_message = "maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts both queues. null = SQS's own key."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "tags" {
  description = "Tags of queues and event source mapping."
  type        = map(string)
  default     = {}
  nullable    = false
}
