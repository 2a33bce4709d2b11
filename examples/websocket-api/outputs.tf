output "websocket_api" {
  description = "The API as the module takes it: id, execution ARN and stage."
  value = {
    id            = aws_apigatewayv2_api.this.id
    execution_arn = aws_apigatewayv2_api.this.execution_arn
    stage         = aws_apigatewayv2_stage.this.name
  }
}

output "url" {
  description = "Where clients connect."
  value       = aws_apigatewayv2_stage.this.invoke_url
}
