# A function, the role that it alone uses, and its log group, made in the order that keeps Lambda from making a log group of its own.

locals {
  repository = "${path.module}/../.."
  manifest   = jsondecode(file("${local.repository}/dist/manifest.json"))
  package    = var.package == null ? "${local.repository}/dist/function.zip" : var.package.path

  sources = {
    for name in fileset("${local.repository}/function", "*.{py,pem}") : name => filesha256("${local.repository}/function/${name}")
  }

  region = split(":", aws_cloudwatch_log_group.this.arn)[3]

  write_logs = {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this.arn}:*"]
    condition = null
  }

  decrypt_environment = {
    sid       = "DecryptEnvironment"
    actions   = ["kms:Decrypt"]
    resources = var.kms_key_arn[*]
    condition = { StringEquals = { "kms:ViaService" = ["lambda.${local.region}.amazonaws.com"] } }
  }

  statements = concat([local.write_logs], var.kms_key_arn == null ? [] : [local.decrypt_environment], var.policy_statements)
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Tracing costs per invocation and needs more permissions; the log line carries the durations
  #checkov:skip=CKV_AWS_116:A dead-letter queue serves asynchronous events only; what must be retried goes to the retry queue
  #checkov:skip=CKV_AWS_117:The function speaks to AWS APIs only; a VPC would add an address to run out of
  #checkov:skip=CKV_AWS_272:Code signing needs a signing profile of the account; the package is pinned by its hash
  function_name                  = var.name
  description                    = var.description
  role                           = aws_iam_role.this.arn
  runtime                        = var.runtime
  architectures                  = [var.architecture]
  handler                        = var.handler
  filename                       = local.package
  source_code_hash               = filebase64sha256(local.package)
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = var.environment
  }

  logging_config {
    log_group  = aws_cloudwatch_log_group.this.name
    log_format = var.logs.format
    # START, END and REPORT cost more than the one line the function writes.
    system_log_level = var.logs.format == "JSON" ? "WARN" : null
  }

  lifecycle {
    precondition {
      condition = var.package != null || (
        jsonencode(local.sources) == jsonencode(local.manifest.sources) && filebase64sha256(local.package) == local.manifest.zip_sha256_base64
      )
      error_message = "dist/function.zip was not built from the files in function/: run `make package` and commit dist/."
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.logs.retention_days
  kms_key_id        = var.kms_key_arn
  tags              = var.tags
}

resource "aws_iam_role" "this" {
  name                 = var.name
  description          = "What the function ${var.name} may do"
  path                 = var.role.path
  permissions_boundary = var.role.permissions_boundary_arn
  tags                 = var.tags

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }]
  })
}

resource "aws_iam_role_policy" "this" {
  name = var.name
  role = aws_iam_role.this.name

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for s in local.statements : {
        for key, value in { Sid = s.sid, Effect = "Allow", Action = s.actions, Resource = s.resources, Condition = s.condition } :
        key => value if value != null
      }
    ]
  })
}
