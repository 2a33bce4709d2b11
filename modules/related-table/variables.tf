variable "name" {
  description = "Name of the table, which must exist."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "name must be a table's name, not an ARN: 3 to 255 of A-Z a-z 0-9 _ . -, for example \"chat-subscriptions\"."
  }
}

variable "connection_id_attribute" {
  description = "The attribute that holds the connectionId: the partition key of the table or of its index."
  type        = string
  default     = "connectionId"
  nullable    = false
}

variable "index" {
  description = "Name of the global secondary index by which a connection's items are found. null = by the table's own key."
  type        = string
  default     = null
}
