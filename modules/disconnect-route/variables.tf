variable "websocket_api" {
  description = "The WebSocket API. An aws_apigatewayv2_api resource can be passed as it is. stage limits the permission to one stage, null = every stage."
  type = object({
    id            = string
    execution_arn = string
    stage         = optional(string)
    protocol_type = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9]+$", var.websocket_api.id))
    error_message = "websocket_api.id must be the API's id, for example aws_apigatewayv2_api.this.id."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:execute-api:[a-z0-9-]+:\\d{12}:${var.websocket_api.id}$", var.websocket_api.execution_arn))
    error_message = "websocket_api.execution_arn must be the execution ARN of the same API, without a stage. Use aws_apigatewayv2_api.this.execution_arn, not the stage's execution_arn and not the API's arn."
  }

  validation {
    condition     = var.websocket_api.stage == null || can(regex("^(\\$default|[A-Za-z0-9_-]{1,128})$", var.websocket_api.stage))
    error_message = "websocket_api.stage must be a stage's name, for example \"live\", or null for every stage."
  }

  validation {
    condition     = coalesce(var.websocket_api.protocol_type, "WEBSOCKET") == "WEBSOCKET"
    error_message = "websocket_api must be a WebSocket API. Only WebSocket APIs have a $disconnect route."
  }
}

variable "function" {
  description = "The function behind the route: its name and its invoke ARN."
  type = object({
    name       = string
    invoke_arn = string
  })
  nullable = false

  validation {
    condition     = can(regex(":apigateway:.+:lambda:path/.+/invocations$", var.function.invoke_arn))
    error_message = "function.invoke_arn must be the ARN by which API Gateway invokes the function. Use aws_lambda_function.this.invoke_arn, not arn."
  }
}

variable "queue" {
  description = "A queue that the function reads: its ARN, and the ARN of the role with which API Gateway sends to it. null = no queue."
  type = object({
    arn      = string
    role_arn = string
  })
  default = null
}

variable "through_queue" {
  description = "Whether events go to the queue instead of the function."
  type        = bool
  default     = false
  nullable    = false

  validation {
    condition     = !var.through_queue || var.queue != null
    error_message = "through_queue = true needs a queue. Set queue, or through_queue = false."
  }
}
