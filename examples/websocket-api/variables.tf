variable "name" {
  description = "Name of the API. The $connect function's name is NAME-connect."
  type        = string
  nullable    = false
}

variable "stage" {
  description = "Name of the API's stage."
  type        = string
  nullable    = false
}

variable "connections_table" {
  description = "Name of the table that $connect writes to. It may be created later."
  type        = string
  nullable    = false
}

variable "token_secret" {
  description = "Secret that signs clients' tokens, which an authorizer verifies. null = no authorizer: a client can claim to be anybody, for a demo only."
  type        = string
  default     = null
  sensitive   = true

  validation {
    condition     = var.token_secret == null || try(length(var.token_secret) >= 32, false)
    error_message = "token_secret must have at least 32 characters, for example random_password.this.result."
  }
}
