variable "name" {
  description = "Name of the table."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.name))
    error_message = "name must be a table's name, not an ARN: 3 to 255 letters, digits, underscores, dots or hyphens, for example \"chat-connections\"."
  }
}

variable "create" {
  description = "Whether to create the table. false = use an existing table."
  type        = bool
  default     = true
  nullable    = false
}

variable "client_index" {
  description = "Name of the global secondary index on clientId: created with the table, or required in an existing table. null = no index."
  type        = string
  default     = null

  validation {
    condition     = var.client_index == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.client_index))
    error_message = "client_index must be an index's name: 3 to 255 letters, digits, underscores, dots or hyphens, for example \"byClient\"."
  }
}

variable "point_in_time_recovery" {
  description = "Whether the created table has point-in-time recovery, for one day."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the created table has deletion protection."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the created table. null = a key that DynamoDB owns."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }
}

variable "tags" {
  description = "Tags of the table."
  type        = map(string)
  default     = {}
  nullable    = false
}
