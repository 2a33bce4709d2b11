variable "name" {
  description = "Start of both queues' names: NAME-retry-… and NAME-dead-letter-…"
  type        = string
  nullable    = false
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
  description = "The function's timeout in seconds. The visibility timeout is six times as long, as Lambda recommends."
  type        = number
  nullable    = false
}

variable "senders" {
  description = "ARNs of the roles and users that may send to the retry queue. They may contain the wildcards * and ?."
  type        = list(string)
  nullable    = false
}

variable "max_receive_count" {
  description = "How often a message is received before it goes to the dead-letter queue."
  type        = number
  default     = 100
  nullable    = false
}

variable "maximum_concurrency" {
  description = "How many batches the function handles at a time."
  type        = number
  default     = 5
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts both queues. null = SQS's own key."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of queues and event source mapping."
  type        = map(string)
  default     = {}
  nullable    = false
}
