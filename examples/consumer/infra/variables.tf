variable "alarm_actions" {
  description = "ARNs of the SNS topics that are told of alarms."
  type        = list(string)
  default     = []
}
