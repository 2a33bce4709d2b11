variable "execution_arn" {
  description = "The API's execution ARN, which says its region and account."
  type        = string
  nullable    = false
}

variable "names" {
  description = "The names to hand on."
  type        = map(string)
  nullable    = false
}
