variable "name" {
  description = "Name of the rule."
  type        = string
  nullable    = false
}

variable "function" {
  description = "The clean-up function: its name and its ARN."
  type = object({
    name = string
    arn  = string
  })
  nullable = false
}

variable "segments" {
  description = "Number of segments of the sweep."
  type        = number
  default     = 1
  nullable    = false
}

variable "alarm_arns" {
  description = "ARNs of the alarms on lost events."
  type        = list(string)
  nullable    = false
}

variable "tags" {
  description = "Tags of the rule."
  type        = map(string)
  default     = {}
  nullable    = false
}
