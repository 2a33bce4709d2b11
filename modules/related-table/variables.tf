variable "name" {
  description = "Name of the table, which must exist."
  type        = string
  nullable    = false
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
