variable "websocket_api_name" {
  description = "Name of the WebSocket API, which another stack owns."
  type        = string
  default     = "security-events-prod"
  nullable    = false
}

variable "websocket_api_id" {
  description = "Id of the WebSocket API, if its name is not unique. null = found by name."
  type        = string
  default     = null
}

variable "deletion_protection" {
  description = "Whether the table has deletion protection. Apply with false before a destroy."
  type        = bool
  default     = true
  nullable    = false
}

variable "alarm_topic_arns" {
  description = "ARNs of the SNS topics that alarms notify."
  type        = list(string)
  default     = []
  nullable    = false
}
