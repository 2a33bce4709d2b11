variable "name" {
  description = "Start of the queue's name."
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
}

variable "tags" {
  description = "Tags of queue and event source mapping."
  type        = map(string)
  default     = {}
  nullable    = false
}
