variable "websocket_api_name" {
  description = "Name of the WebSocket API, which another stack owns."
  type        = string
  default     = "security-events-dev"
  nullable    = false
}

variable "websocket_api_id" {
  description = "Id of the WebSocket API, if its name is not unique. null = found by name."
  type        = string
  default     = null
}
