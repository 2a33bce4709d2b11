variable "name" {
  description = "Name of the API; the $connect function's is the same with -connect."
  type        = string
  nullable    = false
}

variable "stage" {
  description = "Name of the API's stage."
  type        = string
  nullable    = false
}

variable "connections_table" {
  description = "Name of the table that $connect writes to; it may be made later."
  type        = string
  nullable    = false
}
