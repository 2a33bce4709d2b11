output "name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "invoke_arn" {
  description = "ARN by which API Gateway invokes the function."
  value       = aws_lambda_function.this.invoke_arn
}

output "timeout" {
  description = "The function's timeout in seconds."
  value       = aws_lambda_function.this.timeout
}

output "role_name" {
  description = "Name of the function's role."
  value       = one(concat(aws_iam_role.this[*].name, [for role in var.existing_role[*] : reverse(split("/", role.arn))[0]]))
}

output "role_arn" {
  description = "ARN of the function's role."
  value       = local.role_arn
}

output "log_group_name" {
  description = "Name of the function's log group."
  value       = local.log_group.name

  precondition {
    condition     = alltrue([for group in aws_cloudwatch_log_group.this : group.log_group_class == coalesce(var.logs.class, group.log_group_class)])
    error_message = "Log group ${local.log_group.name} is of class ${join("", aws_cloudwatch_log_group.this[*].log_group_class)}, and CloudWatch can't change the class of a log group. Leave logs.class out, or pass a log group of class ${coalesce(var.logs.class, "-")} in logs.group."
  }
}

output "policy" {
  description = "The policy that the role needs, as JSON."
  value       = local.policy
}
