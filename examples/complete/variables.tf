variable "name" {
  description = "Beginning of every resource's name."
  type        = string
  default     = "chat-example"
  nullable    = false
}
