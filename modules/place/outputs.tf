output "names" {
  description = "The names, known only if the provider is in the API's region and account."
  value       = var.names

  precondition {
    condition     = startswith(data.aws_region.provider.endpoint, "ec2.${local.region}.")
    error_message = "The WebSocket API is in ${local.region}, but the module's provider is in another region (${data.aws_region.provider.endpoint}). Pass the API's provider to the module, for example providers = { aws = aws.${replace(local.region, "-", "_")} }."
  }

  precondition {
    condition     = data.aws_caller_identity.provider.account_id == local.account
    error_message = "The WebSocket API is in account ${local.account}, but the module's provider is in ${data.aws_caller_identity.provider.account_id}. Pass the API's provider to the module, or correct websocket_api.execution_arn."
  }
}
