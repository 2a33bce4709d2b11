variable "websocket_api_name" {
  description = "Name of the WebSocket API, which another stack owns."
  type        = string
  default     = "security-events-prod"
  nullable    = false
}

variable "websocket_api_id" {
  description = "Id of the WebSocket API, when its name is not unique. null = found by name."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted: apply with false before a destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that page somebody."
  type        = list(string)
  default     = []
  nullable    = false
}
