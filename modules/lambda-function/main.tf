# A function, its own role, and its log group, created in this order so that Lambda does not create a log group itself.

locals {
  repository = "${path.module}/../.."
  manifest   = jsondecode(file("${local.repository}/dist/manifest.json"))
  committed  = "${local.repository}/dist/function.zip"
  package    = var.package == null ? local.committed : var.package.path # null: in S3

  sources = {
    for name in fileset("${local.repository}/function", "*.{py,pem}") : name => filesha256("${local.repository}/function/${name}")
  }

  log_group = {
    name = one(concat(aws_cloudwatch_log_group.this[*].name, var.logs.group[*].name))
    arn  = one(concat(aws_cloudwatch_log_group.this[*].arn, var.logs.group[*].arn))
  }

  # The log group's ARN contains partition, region and account: arn:PARTITION:logs:REGION:ACCOUNT:…
  partition = split(":", local.log_group.arn)[1]
  region    = split(":", local.log_group.arn)[3]
  account   = split(":", local.log_group.arn)[4]

  # A role is replaced when its path changes. Because its name changes too, the new role and its policy can exist before the old role is deleted.
  role_name = "${var.name}${var.role.name_suffix}${var.role.path == "/" ? "" : "-${substr(sha1(var.role.path), 0, 8)}"}"

  role_arn = one(concat(aws_iam_role.this[*].arn, var.existing_role[*].arn))

  write_logs = {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_group.arn}:*"]
    condition = null
  }

  decrypt_environment = {
    sid       = "DecryptEnvironment"
    actions   = ["kms:Decrypt"]
    resources = var.kms_key_arn[*]
    condition = { StringEquals = { "kms:ViaService" = ["lambda.${local.region}.amazonaws.com"] } }
  }

  # X-Ray has no ARNs for these actions.
  trace = {
    sid       = "Trace"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
    condition = null
  }

  statements = concat(
    [local.write_logs],
    var.kms_key_arn == null ? [] : [local.decrypt_environment],
    var.tracing == null ? [] : [local.trace],
    local.network,
    var.policy_statements,
  )

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      for s in local.statements : {
        for key, value in { Sid = s.sid, Effect = try(s.effect, "Allow"), Action = s.actions, Resource = s.resources, Condition = s.condition } :
        key => value if value != null
      }
    ]
  })
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:Tracing costs per trace; tracing = "Active" turns it on
  #checkov:skip=CKV_AWS_116:A dead-letter queue serves asynchronous events only; what must be retried goes to the retry queue
  #checkov:skip=CKV_AWS_117:The function speaks to AWS APIs only; vpc puts it where a company wants it
  #checkov:skip=CKV_AWS_272:Code signing needs a signing profile of the account; code_signing_config_arn brings it
  function_name                  = var.name
  description                    = var.description
  role                           = local.role_arn
  runtime                        = var.runtime
  architectures                  = [var.architecture]
  handler                        = var.handler
  filename                       = local.package
  source_code_hash               = one([for path in local.package[*] : filebase64sha256(path)])
  s3_bucket                      = try(var.package.s3.bucket, null)
  s3_key                         = try(var.package.s3.key, null)
  s3_object_version              = try(var.package.s3.object_version, null)
  code_signing_config_arn        = var.code_signing_config_arn
  layers                         = var.layers
  memory_size                    = var.memory_size
  timeout                        = var.timeout
  reserved_concurrent_executions = var.reserved_concurrency
  kms_key_arn                    = var.kms_key_arn
  tags                           = var.tags

  environment {
    variables = var.environment
  }

  logging_config {
    log_group  = local.log_group.name
    log_format = var.logs.format
    # WARN leaves out START, END and REPORT, which cost more than the function's own line.
    system_log_level = var.logs.format == "JSON" ? "WARN" : null
    # Lambda's default, set explicitly: a higher level would drop lines that contain metrics.
    application_log_level = var.logs.format == "JSON" ? "INFO" : null
  }

  dynamic "tracing_config" {
    for_each = var.tracing[*]

    content {
      mode = tracing_config.value
    }
  }

  dynamic "vpc_config" {
    for_each = var.vpc[*]

    content {
      subnet_ids                  = vpc_config.value.subnet_ids
      security_group_ids          = vpc_config.value.security_group_ids
      ipv6_allowed_for_dual_stack = vpc_config.value.ipv6_allowed_for_dual_stack
    }
  }

  lifecycle {
    precondition {
      condition = var.package != null || (
        jsonencode(local.sources) == jsonencode(local.manifest.sources) && filebase64sha256(local.committed) == local.manifest.zip_sha256_base64
      )
      error_message = "dist/function.zip was not built from the files in function/. Run `make package` and commit dist/."
    }
  }

  depends_on = [aws_iam_role_policy.this]
}

# Finds code that somebody else uploaded: Terraform compares only the hash that it sent itself. If a plan changes the function, last_modified is
# unknown, and the check runs after the apply.
check "code" {
  assert {
    condition     = local.package == null || aws_lambda_function.this.last_modified == "" || aws_lambda_function.this.code_sha256 == aws_lambda_function.this.source_code_hash
    error_message = "Function ${var.name} runs other code than its package. To restore the package: aws lambda update-function-code --function-name ${var.name} --zip-file fileb://${coalesce(local.package, "…")}"
  }
}

resource "aws_cloudwatch_log_group" "this" {
  count = var.logs.group == null ? 1 : 0

  name              = "/aws/lambda/${var.name}"
  retention_in_days = var.logs.retention_days
  log_group_class   = var.logs.class
  skip_destroy      = var.logs.skip_destroy
  kms_key_id        = var.kms_key_arn
  tags              = var.tags

  # Another class would mean another log group. outputs.tf refuses it.
  lifecycle {
    ignore_changes = [log_group_class]
  }
}

resource "aws_iam_role" "this" {
  count = length(var.existing_role[*]) == 0 ? 1 : 0 # known where the ARN is not

  name                 = local.role_name
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

# Replaced together with its role. Terraform creates the new one first. With a fixed name, the new policy would overwrite the old one and then be
# deleted instead of it.
resource "aws_iam_role_policy" "this" {
  count = length(var.existing_role[*]) == 0 ? 1 : 0 # not length(aws_iam_role.this): `terraform import` does not know it

  name_prefix = "${var.name}-"
  role        = aws_iam_role.this[0].name
  policy      = local.policy

  lifecycle {
    create_before_destroy = true
  }
}

moved {
  from = aws_iam_role.this
  to   = aws_iam_role.this[0]
}

moved {
  from = aws_iam_role_policy.this
  to   = aws_iam_role_policy.this[0]
}
