variable "execution_arn" {
  description = "The API's execution ARN, which contains its region and account."
  type        = string
  nullable    = false
}

variable "names" {
  description = "Names that the module passes on if the provider is in the API's region and account."
  type        = map(string)
  nullable    = false
}
