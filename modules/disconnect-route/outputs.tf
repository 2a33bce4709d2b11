output "route_id" {
  description = "Id of the $disconnect route."
  value       = aws_apigatewayv2_route.this.id
}

output "integration_id" {
  description = "Id of the route's integration."
  value       = local.integration.id
}

output "redeployment_trigger" {
  description = "Changes when the API must be deployed again for this route. Use it in the triggers of your aws_apigatewayv2_deployment. Not needed with auto_deploy."
  value = sha1(jsonencode(concat(
    [aws_apigatewayv2_route.this.id, aws_apigatewayv2_route.this.target, local.integration.integration_uri],
    values(coalesce(local.integration.request_templates, {})),
  )))
}
