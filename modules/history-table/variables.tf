variable "name" {
  description = "Name of the table."
  type        = string
  nullable    = false
}

variable "point_in_time_recovery" {
  description = "Whether the table keeps 35 days of restore points."
  type        = bool
  default     = true
  nullable    = false
}

variable "deletion_protection" {
  description = "Whether the table refuses to be deleted."
  type        = bool
  default     = true
  nullable    = false
}

variable "kms_key_arn" {
  description = "ARN of the KMS key that encrypts the table. null = a key that DynamoDB owns."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of the table."
  type        = map(string)
  default     = {}
  nullable    = false
}
