variable "name" {
  description = "Name of an existing table."
  type        = string
  nullable    = false
}

variable "connection_id_attribute" {
  description = "Attribute that holds the connection id. Must be the partition key of the table or of the index."
  type        = string
  default     = "connectionId"
  nullable    = false
}

variable "index" {
  description = "Name of the global secondary index to find a connection's items by. null = the table's own key."
  type        = string
  default     = null
}
