variable "name" {
  description = "Name of the function."
  type        = string
  nullable    = false
}

variable "websocket_api" {
  description = "The WebSocket API and its stage, as the module takes them."
  type = object({
    id            = string
    execution_arn = string
    stage         = string
  })
  nullable = false
}

variable "connections_table" {
  description = "The output `connections_table` of the module."
  type = object({
    name = string
    arn  = string
  })
  nullable = false
}

variable "report_gone" {
  description = "The output `report_gone` of the module."
  type = object({
    queue_url   = string
    policy_json = string
  })
  nullable = false
}
