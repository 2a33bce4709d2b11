variable "alarm_actions" {
  description = "ARNs of the SNS topics that alarms notify."
  type        = list(string)
  default     = []
}
