output "url" {
  description = "Where pages connect, for example: websocat \"$(terraform output -raw url)?clientId=me\""
  value       = module.websocket_api.url
}

output "rule_arn" {
  description = "ARN of the rule. Other targets of it receive the same announcements."
  value       = aws_cloudwatch_event_rule.announcements.arn
}
