output "api_id" {
  description = "What infra/ looks up by the API's name."
  value       = aws_apigatewayv2_api.chat.id
}
