output "names" {
  description = "The names, for what is made in the API's region and account."
  value       = var.names

  precondition {
    condition     = startswith(data.aws_region.provider.endpoint, "ec2.${local.region}.")
    error_message = "The WebSocket API is in ${local.region}, the module's provider elsewhere (${data.aws_region.provider.endpoint}): give the module the API's provider, for example providers = { aws = aws.${replace(local.region, "-", "_")} }."
  }

  precondition {
    condition     = data.aws_caller_identity.provider.account_id == local.account
    error_message = "The WebSocket API is in account ${local.account}, the module's provider in ${data.aws_caller_identity.provider.account_id}: give the module the API's provider, or correct websocket_api.execution_arn."
  }
}
