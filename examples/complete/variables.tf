variable "name" {
  description = "Start of every resource's name."
  type        = string
  default     = "chat-example"
  nullable    = false
}
