variable "name" {
  description = "Start of the name of every resource except the tables. Roles are global: in several regions of one account, set a different `role.name_suffix` in each."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z][A-Za-z0-9-]{0,39}$", var.name))
    error_message = "name must be 1 to 40 letters, digits and hyphens, and begin with a letter, for example \"chat-prod\"."
  }
}

variable "websocket_api" {
  description = <<-EOT
    The WebSocket API. An `aws_apigatewayv2_api` resource can be passed as it is.
    - `id`: The API's id.
    - `execution_arn`: The API's execution ARN, without a stage.
    - `stage`: Name of the stage to serve. null = every stage. The probe and duplicates need it.
    - `protocol_type`: The API's protocol, if known. Anything but `WEBSOCKET` is refused.
    - `connections_endpoint`: URL of `@connections`, if the API's default endpoint is disabled: a custom domain with the path of its API mapping.
  EOT
  type = object({
    id                   = string
    execution_arn        = string
    stage                = optional(string)
    protocol_type        = optional(string)
    connections_endpoint = optional(string)
  })
  nullable = false

  validation {
    condition     = can(regex("^[a-z0-9]+$", var.websocket_api.id))
    error_message = "websocket_api.id must be the API's id, for example aws_apigatewayv2_api.this.id."
  }

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:execute-api:[a-z0-9-]+:\\d{12}:${var.websocket_api.id}$", var.websocket_api.execution_arn))
    error_message = "websocket_api.execution_arn must be the execution ARN of the same API, without a stage. Use aws_apigatewayv2_api.this.execution_arn, not the stage's execution_arn and not the API's arn."
  }

  validation {
    condition     = var.websocket_api.stage == null || can(regex("^(\\$default|[A-Za-z0-9_-]{1,128})$", var.websocket_api.stage))
    error_message = "websocket_api.stage must be a stage's name, for example \"live\", or null for every stage. Use the same local value for the stage resource and for this input: a reference to the stage causes a cycle if the stage's deployment depends on this module."
  }

  validation {
    condition     = coalesce(var.websocket_api.protocol_type, "WEBSOCKET") == "WEBSOCKET"
    error_message = "websocket_api must be a WebSocket API, but its protocol_type is ${coalesce(var.websocket_api.protocol_type, "-")}. Only WebSocket APIs have a $disconnect route."
  }

  validation {
    condition     = var.websocket_api.connections_endpoint == null || can(regex("^https://[A-Za-z0-9.-]+(:\\d+)?(/[A-Za-z0-9$._-]+)*$", var.websocket_api.connections_endpoint))
    error_message = "websocket_api.connections_endpoint must be a URL without a slash at its end: https://DOMAIN, or https://DOMAIN/PATH, where PATH is the API mapping key."
  }

  validation {
    condition     = var.websocket_api.connections_endpoint == null || var.websocket_api.stage != null
    error_message = "websocket_api.connections_endpoint serves one stage. Set websocket_api.stage to the name of that stage."
  }
}

variable "connections_table" {
  description = <<-EOT
    The table that holds one record per open connection.
    - `name`: Name of the table.
    - `create`: Whether the module creates the table. With false it uses an existing one, whose only key is `connectionId` (S).
    - `point_in_time_recovery`: Whether DynamoDB keeps continuous backups of the table, for one day.
    - `deletion_protection`: Whether DynamoDB refuses to delete the table. Apply with false before a destroy.
    - `shared`: Whether other APIs or stages also keep their records in this table. Then no alarm reports their records.
    - `client_index`: Name of the index on `clientId`. Created and used only with `duplicates` or `events.client_offline_after_seconds`.
  EOT
  type = object({
    name                   = string
    create                 = optional(bool, true)
    point_in_time_recovery = optional(bool, true)
    deletion_protection    = optional(bool, true)
    shared                 = optional(bool, false)
    client_index           = optional(string, "byClient")
  })
  nullable = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.connections_table.name))
    error_message = "connections_table.name must be a table's name, not an ARN: 3 to 255 letters, digits, underscores, dots or hyphens, for example \"chat-connections\"."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9_.-]{3,255}$", var.connections_table.client_index))
    error_message = "connections_table.client_index must be an index's name: 3 to 255 letters, digits, underscores, dots or hyphens, for example \"byClient\"."
  }
}

variable "kms_key_arn" {
  description = "KMS key that encrypts tables, queues, logs, environment variables and schedules. Its key policy must allow CloudWatch Logs. null = keys that AWS owns."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:aws[a-z-]*:kms:[a-z0-9-]+:\\d{12}:key/", var.kms_key_arn))
    error_message = "kms_key_arn must be the ARN of a key, not of an alias: arn:aws:kms:REGION:ACCOUNT:key/ID."
  }

  validation {
    condition     = var.kms_key_arn == null || try(split(":", var.kms_key_arn)[3] == split(":", var.websocket_api.execution_arn)[3], true)
    error_message = "kms_key_arn must be the ARN of a key in the API's region."
  }
}

variable "function" {
  description = <<-EOT
    The disconnect function. All fields except `memory_size`, `timeout` and `reserved_concurrency` also apply to the clean-up function.
    - `memory_size`: MB, from 256 to 10,240.
    - `timeout`: Seconds, from 10 to 29.
    - `reserved_concurrency`: Concurrent executions reserved for the function, which are also its limit. null = uses the account's unreserved concurrency. An account must keep 100 unreserved.
    - `architecture`: `arm64` or `x86_64`.
    - `runtime`: Lambda's Python runtime, `python3.10` or newer.
    - `package`: A zip of your own with the same handlers. null = the zip in this module.
    - `package.path`: Path of the zip.
    - `package.s3`: Object that holds the zip.
    - `package.s3.bucket`: A bucket in the functions' region.
    - `package.s3.key`: Key of the object.
    - `package.s3.object_version`: Version of the object. Without it Terraform does not notice a new object under the same key.
    - `layers`: ARNs of up to five layer versions.
    - `environment`: Additional environment variables. Not for secrets: plans and state show them.
    - `tracing`: X-Ray tracing mode, `Active` or `PassThrough`.
    - `code_signing_config_arn`: Code signing configuration. Needs a signed `package`.
  EOT
  type = object({
    memory_size          = optional(number, 256)
    timeout              = optional(number, 10)
    reserved_concurrency = optional(number)
    architecture         = optional(string, "arm64")
    runtime              = optional(string, "python3.13")
    package = optional(object({
      path = optional(string)
      s3 = optional(object({
        bucket         = string
        key            = string
        object_version = optional(string)
      }))
    }))
    layers                  = optional(list(string), [])
    environment             = optional(map(string), {})
    tracing                 = optional(string)
    code_signing_config_arn = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition     = try(var.function.memory_size >= 256 && var.function.memory_size <= 10240 && floor(var.function.memory_size) == var.function.memory_size, false)
    error_message = "function.memory_size must be a whole number from 256 to 10240 (MB). With less than 256, importing boto3 takes half of the timeout."
  }

  validation {
    condition     = try(var.function.timeout >= 10 && var.function.timeout <= 29 && floor(var.function.timeout) == var.function.timeout, false)
    error_message = "function.timeout must be a whole number from 10 to 29 (seconds). DynamoDB and then the retry queue take 10 seconds if both hang; API Gateway waits 29 seconds at most."
  }

  validation {
    condition     = var.function.reserved_concurrency == null || try(var.function.reserved_concurrency >= 1 && floor(var.function.reserved_concurrency) == var.function.reserved_concurrency, false)
    error_message = "function.reserved_concurrency must be a whole number of at least 1, or null to use the account's unreserved concurrency. 0 would stop the function."
  }

  validation {
    condition     = contains(["arm64", "x86_64"], var.function.architecture)
    error_message = "function.architecture must be \"arm64\" or \"x86_64\"."
  }

  validation {
    condition     = can(regex("^python3\\.1\\d$", var.function.runtime))
    error_message = "function.runtime must be one of Lambda's Python runtimes, 3.10 or later, for example \"python3.13\"."
  }

  validation {
    condition     = var.function.package == null || try((var.function.package.path == null) != (var.function.package.s3 == null), false)
    error_message = "function.package must say where the zip is, exactly once. Set either path = \"…\" or s3 = { bucket = \"…\", key = \"…\" }."
  }

  validation {
    condition     = try(var.function.package.path, null) == null || try(fileexists(var.function.package.path), false)
    error_message = "function.package.path must be the path of an existing zip. Build the zip first, and start the path with $${path.root} or $${path.module}."
  }

  validation {
    condition     = length(var.function.layers) <= 5 && alltrue([for arn in var.function.layers : can(regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\\d{12}:layer:[A-Za-z0-9_-]+:\\d+$", arn))])
    error_message = "function.layers must hold at most five ARNs of layer versions: arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION."
  }

  validation {
    condition = alltrue([
      for arn in concat(var.function.layers, var.function.code_signing_config_arn[*]) : try(split(":", arn)[3] == split(":", var.websocket_api.execution_arn)[3], true)
    ])
    error_message = "function.layers and function.code_signing_config_arn must be in the API's region, where the functions are."
  }

  # The names in environment.tf.
  validation {
    condition = length(setintersection(keys(var.function.environment), [
      "AWS_ENDPOINT_URL_APIGATEWAYMANAGEMENTAPI", "CLIENT_DETAILS", "CLIENT_INDEX", "CLIENT_OFFLINE_AFTER_SECONDS", "CONNECTIONS_TABLE",
      "CONNECTION_METRICS", "DEAD_LETTER_QUEUE_URL", "DUPLICATES", "EVENT_BUS", "EXCLUSIVE_TABLE", "EXPIRED_AFTER_SECONDS", "HISTORY_DAYS", "HISTORY_TABLE",
      "LOG_LINE_LEVEL", "METRICS_NAME", "MOST_PROBES_PER_SECOND", "OFFLINE_TABLE", "PROBES_PER_SECOND", "RELATED_TABLES", "REPORT_QUEUE_URL", "RETRY_QUEUE_URL", "SHARED_TABLE", "SUSPECT_AFTER_SECONDS", "WEBSOCKET_API_ID", "WEBSOCKET_STAGE",
    ])) == 0
    error_message = "function.environment must not set the module's own variables. Use the input that sets the variable (see environment.tf)."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html#configuration-envvars-runtime
  validation {
    condition = alltrue([for name in keys(var.function.environment) : can(regex("^[A-Za-z][A-Za-z0-9_]+$", name)) && !contains([
      "AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_DEFAULT_REGION", "AWS_EXECUTION_ENV", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
      "AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", "AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME",
      "AWS_LAMBDA_LOG_STREAM_NAME", "AWS_LAMBDA_RUNTIME_API", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
      "LAMBDA_RUNTIME_DIR", "LAMBDA_TASK_ROOT",
    ], name)])
    error_message = "function.environment has a name that Lambda does not accept. Names begin with a letter, followed by letters, digits and underscores. Variables that Lambda sets itself, such as AWS_REGION, are not allowed."
  }

  # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html: 4 KB for all variables
  validation {
    condition     = alltrue([for value in values(var.function.environment) : value != null])
    error_message = "function.environment must give each variable a value. Leave out those that are null."
  }

  validation {
    condition     = try(length(join("", concat(keys(var.function.environment), values(var.function.environment)))) <= 2800, true)
    error_message = "function.environment may hold at most 2,800 characters, names and values together. Lambda allows 4 KB for all variables, and this module's own variables need the rest."
  }

  validation {
    condition     = var.function.tracing == null || try(contains(["Active", "PassThrough"], var.function.tracing), false)
    error_message = "function.tracing must be \"Active\", or \"PassThrough\" to turn it off again."
  }

  validation {
    condition = var.function.code_signing_config_arn == null || can(
      regex("^arn:aws[a-z-]*:lambda:[a-z0-9-]+:\\d{12}:code-signing-config:csc-[a-z0-9]{17}$", var.function.code_signing_config_arn)
    )
    error_message = "function.code_signing_config_arn must be the ARN of a code signing configuration: aws_lambda_code_signing_config.this.arn."
  }

  validation {
    condition     = var.function.code_signing_config_arn == null || var.function.package != null
    error_message = "The module's zip does not have your signature. To use a code signing configuration, sign it with AWS Signer and set function.package to the signed zip."
  }
}

variable "cleanup_function" {
  description = <<-EOT
    The function that retries failed removals and runs the sweep.
    - `memory_size`: MB, from 128 to 10,240. Lambda gives CPU in proportion: with less than 1,024, a mass loss takes longer to clean up.
    - `timeout`: Seconds, from 60 to 900. Also the longest that one part of a sweep runs.
    - `reserved_concurrency`: As for `function`. null = uses the account's unreserved concurrency.
  EOT
  type = object({
    memory_size          = optional(number, 1024)
    timeout              = optional(number, 120)
    reserved_concurrency = optional(number)
  })
  default  = {}
  nullable = false

  validation {
    condition     = try(var.cleanup_function.memory_size >= 128 && var.cleanup_function.memory_size <= 10240 && floor(var.cleanup_function.memory_size) == var.cleanup_function.memory_size, false)
    error_message = "cleanup_function.memory_size must be a whole number from 128 to 10240 (MB)."
  }

  validation {
    condition     = try(var.cleanup_function.timeout >= 60 && var.cleanup_function.timeout <= 900 && floor(var.cleanup_function.timeout) == var.cleanup_function.timeout, false)
    error_message = "cleanup_function.timeout must be a whole number from 60 to 900 seconds."
  }

  validation {
    condition     = var.cleanup_function.reserved_concurrency == null || try(floor(var.cleanup_function.reserved_concurrency) == var.cleanup_function.reserved_concurrency, false)
    error_message = "cleanup_function.reserved_concurrency must be a whole number, or null to use the account's unreserved concurrency."
  }

  validation {
    condition = var.cleanup_function.reserved_concurrency == null || try(
      var.cleanup_function.reserved_concurrency >= var.retry_queue.maximum_concurrency + var.sweep.segments
      + (try(var.sweep.probe.report_queue, false) ? 2 : 0) + (var.sweep.probe != null && var.monitoring != null ? 1 : 0), false
    )
    error_message = "cleanup_function.reserved_concurrency must be null or at least retry_queue.maximum_concurrency + sweep.segments, plus 2 more with sweep.probe.report_queue, plus 1 more with sweep.probe and monitoring. With less, throttled messages end in the dead-letter queue and sweeps are dropped."
  }

  # The longest time between two receives: a batch and then the longest back-off (900 s), or the visibility timeout if the function could not set
  # the back-off; and the poll of the event source mapping.
  validation {
    condition = try(
      var.retry_queue.max_receive_count * (max(900 + var.cleanup_function.timeout, 6 * var.cleanup_function.timeout) + 20) <= 10 * 86400, false
    )
    error_message = "retry_queue.max_receive_count must be at most ${try(floor(10 * 86400 / (max(900 + var.cleanup_function.timeout, 6 * var.cleanup_function.timeout) + 20)), 100)} with a cleanup_function.timeout of ${coalesce(var.cleanup_function.timeout, 120)}. More attempts could take longer than ten days, and a message would then expire before it reaches the dead-letter queue."
  }
}

variable "vpc" {
  description = <<-EOT
    Runs both functions in a VPC. DynamoDB, SQS, EventBridge (with `events`) and the API's public endpoint (with probe or duplicates) must be reachable from there. null = no VPC.
    - `subnet_ids`: Ids of subnets, preferably in two Availability Zones.
    - `security_group_ids`: Ids of one to five security groups.
    - `ipv6_allowed_for_dual_stack`: Whether the functions may also use IPv6, in subnets that have both.
  EOT
  type = object({
    subnet_ids                  = list(string)
    security_group_ids          = list(string)
    ipv6_allowed_for_dual_stack = optional(bool)
  })
  default = null

  validation {
    condition     = var.vpc == null || try(length(var.vpc.subnet_ids) >= 1 && alltrue([for id in var.vpc.subnet_ids : can(regex("^subnet-[0-9a-f]+$", id))]), false)
    error_message = "vpc.subnet_ids must be ids of subnets, such as subnet-0123456789abcdef0. Give at least one; better, one in each of two Availability Zones."
  }

  validation {
    condition     = var.vpc == null || try(length(var.vpc.security_group_ids) >= 1 && length(var.vpc.security_group_ids) <= 5 && alltrue([for id in var.vpc.security_group_ids : can(regex("^sg-[0-9a-f]+$", id))]), false)
    error_message = "vpc.security_group_ids must be ids of one to five security groups, such as sg-0123456789abcdef0."
  }
}

variable "logs" {
  description = <<-EOT
    The functions' logs.
    - `retention_days`: Days that CloudWatch keeps the lines. CloudWatch accepts only certain values. "Never expire" is not possible.
    - `format`: Format of Lambda's own lines, `JSON` or `Text`.
    - `client_details`: How client address, user agent and close reason are written, in logs, queues, history and announcements: `full`, `masked` or `off`.
    - `level`: `WARN` leaves out the line of every successful disconnect. Lines that carry metrics are always written.
    - `class`: Class of the log groups, `STANDARD` or `INFREQUENT_ACCESS`. Cannot be changed later.
    - `skip_destroy`: Whether a destroy keeps the log groups.
    - `group`: An existing log group for both functions. An `aws_cloudwatch_log_group` can be passed as it is.
    - `group.name`: Name of the log group.
    - `group.arn`: ARN of the log group, without a trailing `:*`.
    - `group.log_group_class`: Class of the log group.
  EOT
  type = object({
    retention_days = optional(number, 30)
    format         = optional(string, "JSON")
    client_details = optional(string, "masked")
    level          = optional(string, "INFO")
    class          = optional(string)
    skip_destroy   = optional(bool, false)
    group = optional(object({
      name            = string
      arn             = string
      log_group_class = optional(string)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653], var.logs.retention_days)
    error_message = "logs.retention_days must be a value that CloudWatch supports: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653. This module does not create log groups that never expire. For that, pass your own log group in logs.group."
  }

  validation {
    condition     = contains(["JSON", "Text"], var.logs.format)
    error_message = "logs.format must be \"JSON\" or \"Text\"."
  }

  validation {
    condition     = contains(["full", "masked", "off"], var.logs.client_details)
    error_message = "logs.client_details must be \"full\", \"masked\" or \"off\"."
  }

  validation {
    condition     = contains(["INFO", "WARN"], var.logs.level)
    error_message = "logs.level must be \"INFO\" or \"WARN\"."
  }

  validation {
    condition     = var.logs.class == null || try(contains(["STANDARD", "INFREQUENT_ACCESS"], var.logs.class), false)
    error_message = "logs.class must be \"STANDARD\" or \"INFREQUENT_ACCESS\"."
  }

  validation {
    condition     = var.logs.group == null || (var.logs.class == null && !var.logs.skip_destroy)
    error_message = "logs.group is managed elsewhere, so leave class and skip_destroy unset."
  }

  validation {
    condition     = var.logs.group == null || can(regex("^arn:aws[a-z-]*:logs:[a-z0-9-]+:\\d{12}:log-group:[A-Za-z0-9_/.#-]+$", var.logs.group.arn))
    error_message = "logs.group.arn must be the log group's ARN without a trailing \":*\": aws_cloudwatch_log_group.this.arn."
  }

  validation {
    condition     = var.logs.group == null || try(endswith(var.logs.group.arn, ":log-group:${var.logs.group.name}"), false)
    error_message = "logs.group.name and logs.group.arn must be of the same log group. Pass the aws_cloudwatch_log_group resource as it is."
  }

  validation {
    condition = var.logs.group == null || try(
      slice(split(":", var.logs.group.arn), 3, 5) == slice(split(":", var.websocket_api.execution_arn), 3, 5), true
    )
    error_message = "logs.group must be in the API's region and account, where the functions are."
  }
}

variable "role" {
  description = <<-EOT
    The roles of both functions and of the schedule.
    - `path`: Path of the roles, for example `/service/`.
    - `permissions_boundary_arn`: Permissions boundary of the roles.
    - `name_suffix`: Suffix of the roles' names, for example the region's name.
    - `existing`: ARNs of existing roles to use instead. They need the policies in the output `role_policies`.
    - `existing.disconnect`: Role of the disconnect function.
    - `existing.cleanup`: Role of the clean-up function. Needed with the retry queue.
    - `existing.schedule`: Role of the sweep's schedule. Needed with the sweep.
    - `existing.gateway`: Role with which API Gateway sends to the disconnect queue. Needed with that queue.
  EOT
  type = object({
    path                     = optional(string, "/")
    permissions_boundary_arn = optional(string)
    name_suffix              = optional(string, "")
    existing = optional(object({
      disconnect = string
      cleanup    = optional(string)
      schedule   = optional(string)
      gateway    = optional(string)
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = can(regex("^/([!-~]+/)?$", var.role.path))
    error_message = "role.path must begin and end with a slash, for example \"/service/\"."
  }

  validation {
    condition = (
      var.role.permissions_boundary_arn == null
      || can(regex("^arn:aws[a-z-]*:iam::(\\d{12}|aws):policy/", var.role.permissions_boundary_arn))
    )
    error_message = "role.permissions_boundary_arn must be the ARN of a managed policy: arn:aws:iam::ACCOUNT:policy/NAME."
  }

  validation {
    condition = var.role.permissions_boundary_arn == null || try(
      contains(["aws", split(":", var.websocket_api.execution_arn)[4]], split(":", var.role.permissions_boundary_arn)[4]), true
    )
    error_message = "role.permissions_boundary_arn must be a policy of the API's account or an AWS managed policy (arn:aws:iam::aws:policy/NAME)."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9+=,.@_-]*$", var.role.name_suffix)) && length("${var.name}-disconnect${var.role.name_suffix}") <= (var.role.path == "/" ? 64 : 55)
    error_message = "role.name_suffix may contain letters, digits and + = , . @ _ -, for example \"-eu-central-1\". ${var.name}-disconnect and the suffix together may have at most 64 characters, or 55 with role.path, which adds nine characters to the name."
  }

  validation {
    condition = alltrue([
      for arn in flatten([for roles in var.role.existing[*] : values(roles)]) :
      arn == null || can(regex("^arn:aws[a-z-]*:iam::\\d{12}:role/[A-Za-z0-9+=,.@_/-]+$", arn))
    ])
    error_message = "role.existing must be ARNs of roles: arn:aws:iam::ACCOUNT:role/NAME."
  }

  validation {
    condition = alltrue([
      for arn in flatten([for roles in var.role.existing[*] : values(roles)]) :
      try(split(":", arn)[4] == split(":", var.websocket_api.execution_arn)[4], true)
    ])
    error_message = "role.existing must be roles of the API's account, where the functions are."
  }

  validation {
    condition = alltrue([
      for roles in var.role.existing[*] :
      (!var.retry_queue.enabled || roles.cleanup != null)
      && (!var.sweep.enabled || roles.schedule != null)
      && ((var.delivery == "function" && var.disconnect_queue == null) || roles.gateway != null)
    ])
    error_message = "role.existing must replace every role. It also needs cleanup with the retry queue, schedule with the sweep, and gateway with delivery = \"queue\" or a disconnect_queue."
  }

  validation {
    condition     = var.role.existing == null || (var.role.path == "/" && var.role.permissions_boundary_arn == null && var.role.name_suffix == "")
    error_message = "The roles in role.existing are managed elsewhere, so leave path, permissions_boundary_arn and name_suffix unset."
  }
}

variable "delivery" {
  description = "How `$disconnect` events reach the disconnect function. `function`: API Gateway invokes it, once for each event. `queue`: API Gateway sends them to an SQS queue that the function reads, so none is lost when very many connections end at once."
  type        = string
  default     = "function"
  nullable    = false

  validation {
    condition     = contains(["function", "queue"], var.delivery)
    error_message = "delivery must be \"function\" or \"queue\"."
  }
}

variable "disconnect_queue" {
  description = <<-EOT
    The queue of `delivery = "queue"`. If set, the queue also exists with `delivery = "function"`, for the change back.
    - `maximum_concurrency`: Batches of ten events that the disconnect function handles at a time, from 2 to 1,000. 35 remove about 3,600 records a second. A new table accepts 4,000.
  EOT
  type = object({
    maximum_concurrency = optional(number, 35)
  })
  default = null

  validation {
    condition = var.disconnect_queue == null || try(
      var.disconnect_queue.maximum_concurrency >= 2 && var.disconnect_queue.maximum_concurrency <= 1000
      && floor(var.disconnect_queue.maximum_concurrency) == var.disconnect_queue.maximum_concurrency
    , false)
    error_message = "disconnect_queue.maximum_concurrency must be a whole number from 2 to 1000."
  }

  validation {
    condition     = (var.delivery == "function" && var.disconnect_queue == null) || var.retry_queue.enabled
    error_message = "The disconnect queue needs the retry queue's dead-letter queue for events that the function can't read. Set retry_queue.enabled = true, or set delivery = \"function\" and leave disconnect_queue out."
  }

  validation {
    condition = (var.delivery == "function" && var.disconnect_queue == null) || var.function.reserved_concurrency == null || try(
      try(var.disconnect_queue.maximum_concurrency, 35) <= var.function.reserved_concurrency, false
    )
    error_message = "disconnect_queue.maximum_concurrency (default 35) must be at most function.reserved_concurrency. Batches beyond it are throttled, wait for their visibility timeout, and go to the dead-letter queue after retry_queue.max_receive_count attempts."
  }
}

variable "retry_queue" {
  description = <<-EOT
    Queue for removals that failed, with a dead-letter queue. Without it a failed removal is not retried, and the sweep, related tables, history, duplicates, events and the disconnect queue cannot be used.
    - `enabled`: Whether the queue exists.
    - `max_receive_count`: Attempts before a message goes to the dead-letter queue, from 5 to 1,000.
    - `maximum_concurrency`: Batches that the clean-up function handles at a time, from 2 to 1,000.
    - `operators`: Roles and users of this account that may send dead letters back, with their path, for example `role/on-call`. Only they and the two functions may send to the queue.
  EOT
  type = object({
    enabled             = optional(bool, true)
    max_receive_count   = optional(number, 100)
    maximum_concurrency = optional(number, 5)
    operators           = optional(list(string), [])
  })
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for operator in var.retry_queue.operators : can(regex("^(role|user)/[!-~]+$", operator))])
    error_message = "retry_queue.operators must be roles or users of this account, including their path: \"role/on-call\", or \"role/aws-reserved/sso.amazonaws.com/*/AWSReservedSSO_OnCall_*\" for a permission set of IAM Identity Center."
  }

  validation {
    condition     = try(var.retry_queue.max_receive_count >= 5 && var.retry_queue.max_receive_count <= 1000 && floor(var.retry_queue.max_receive_count) == var.retry_queue.max_receive_count, false)
    error_message = "retry_queue.max_receive_count must be a whole number from 5 to 1000. With fewer than 5, a throttled function loses messages."
  }

  validation {
    condition     = try(var.retry_queue.maximum_concurrency >= 2 && var.retry_queue.maximum_concurrency <= 1000 && floor(var.retry_queue.maximum_concurrency) == var.retry_queue.maximum_concurrency, false)
    error_message = "retry_queue.maximum_concurrency must be a whole number from 2 to 1000."
  }
}

variable "sweep" {
  description = <<-EOT
    Scheduled removal of records whose `$disconnect` never came.
    - `enabled`: Whether the sweep runs.
    - `schedule`: A rate from one minute to one day.
    - `segments`: Parts of the table that are scanned at the same time, from 1 to 100.
    - `expired_after_seconds`: Age at which a record is removed without asking. At least 7,260: a connection can live for two hours.
    - `probe`: Asks API Gateway whether silent connections still exist. `{}` turns it on, null off.
    - `probe.per_second`: Requests per second at the start of a run.
    - `probe.most_per_second`: Highest rate, at most 1,000. The account's 10,000 requests per second are shared by all APIs.
    - `probe.suspect_after_seconds`: Silence after which a connection is asked about. At least 660: the idle timeout is ten minutes.
    - `probe.exclusive_table`: Whether only this API and stage use the table. Matters for records that do not name their API and stage.
    - `probe.report_queue`: Whether to create a queue where senders report connections that answered 410.
    - `probe.report_senders`: ARNs of roles of other accounts that may send to it. Roles of this account need the output `report_gone` only.
  EOT
  type = object({
    enabled               = optional(bool, true)
    schedule              = optional(string, "rate(5 minutes)")
    segments              = optional(number, 1)
    expired_after_seconds = optional(number, 7500)
    probe = optional(object({
      per_second            = optional(number, 10)
      most_per_second       = optional(number, 300)
      suspect_after_seconds = optional(number, 660)
      exclusive_table       = optional(bool, false)
      report_queue          = optional(bool, false)
      report_senders        = optional(list(string), [])
    }))
  })
  default  = {}
  nullable = false

  validation {
    condition     = !var.sweep.enabled || var.retry_queue.enabled
    error_message = "The sweep needs the retry queue to continue its work. Set retry_queue.enabled = true, or sweep = { enabled = false }."
  }

  validation {
    condition     = can(regex("^rate\\((1 (minute|hour|day)|([2-9]|[1-9]\\d|[1-9]\\d\\d) minutes|([2-9]|1\\d|2[0-4]) hours)\\)$", var.sweep.schedule))
    error_message = "sweep.schedule must be a rate from one minute to one day, for example \"rate(5 minutes)\", \"rate(1 hour)\" or \"rate(1 day)\"."
  }

  validation {
    condition     = try(var.sweep.segments >= 1 && var.sweep.segments <= 100 && floor(var.sweep.segments) == var.sweep.segments, false)
    error_message = "sweep.segments must be a whole number from 1 to 100."
  }

  validation {
    condition     = try(var.sweep.expired_after_seconds >= 7260 && var.sweep.expired_after_seconds <= 604800 && floor(var.sweep.expired_after_seconds) == var.sweep.expired_after_seconds, false)
    error_message = "sweep.expired_after_seconds must be a whole number from 7260 to 604800 (a week). A connection may live for two hours, and clocks differ a little."
  }

  validation {
    condition     = var.sweep.probe == null || var.websocket_api.stage != null
    error_message = "The probe works with one stage. Set websocket_api.stage to its name, for example \"live\", or leave sweep.probe out."
  }

  validation {
    condition = var.sweep.probe == null || try(
      var.sweep.probe.per_second >= max(1, var.sweep.segments)
      && var.sweep.probe.per_second <= var.sweep.probe.most_per_second
      && floor(var.sweep.probe.per_second) == var.sweep.probe.per_second
    , false)
    error_message = "sweep.probe.per_second must be a whole number from 1 to sweep.probe.most_per_second, and at least one for each segment. The sweep begins at this rate."
  }

  validation {
    condition     = var.sweep.probe == null || try(var.sweep.probe.most_per_second <= 1000 && floor(var.sweep.probe.most_per_second) == var.sweep.probe.most_per_second, false)
    error_message = "sweep.probe.most_per_second must be a whole number, at most 1000. Probes share the account's 10,000 requests per second with all of its APIs: 300 are 3 % of them."
  }

  validation {
    condition     = !try(var.sweep.probe.exclusive_table, false) || !var.connections_table.shared
    error_message = "A table cannot be both exclusive and shared. Set sweep.probe.exclusive_table = true or connections_table.shared = true, not both."
  }

  validation {
    condition     = alltrue([for arn in try(var.sweep.probe.report_senders, []) : can(regex("^arn:aws[a-z-]*:iam::\\d{12}:role/[!-)+->@-~]+$", arn))])
    error_message = "sweep.probe.report_senders must be ARNs of roles: arn:aws:iam::ACCOUNT:role/NAME."
  }

  validation {
    condition     = length(try(var.sweep.probe.report_senders, [])) == 0 || try(var.sweep.probe.report_queue, false)
    error_message = "sweep.probe.report_senders needs the report queue. Set sweep.probe.report_queue = true."
  }

  validation {
    condition     = var.sweep.probe == null || try(var.sweep.probe.suspect_after_seconds >= 660 && var.sweep.probe.suspect_after_seconds <= 604800 && floor(var.sweep.probe.suspect_after_seconds) == var.sweep.probe.suspect_after_seconds, false)
    error_message = "sweep.probe.suspect_after_seconds must be a whole number from 660 to 604800 (a week). API Gateway closes a connection that was idle for ten minutes."
  }
}

variable "related_tables" {
  description = <<-EOT
    Tables whose items are deleted when their connection ends. The plan reads the tables' keys and encryption. If the same apply creates a table, the apply reads them.
    - `name`: Name of the table.
    - `connection_id_attribute`: Attribute that holds the connection id. Must be the partition key of the table or of `index`.
    - `index`: Index to find the items by. null = the table's own key.
  EOT
  type = list(object({
    name                    = string
    connection_id_attribute = optional(string, "connectionId")
    index                   = optional(string)
  }))
  default  = []
  nullable = false

  validation {
    condition     = length(var.related_tables) == 0 || var.retry_queue.enabled
    error_message = "related_tables needs the retry queue to retry failed removals. Set retry_queue.enabled = true, or leave related_tables out."
  }

  validation {
    condition     = alltrue([for t in var.related_tables : can(regex("^[A-Za-z0-9_.-]{3,255}$", t.name))])
    error_message = "related_tables[*].name must be a table's name, not an ARN: 3 to 255 letters, digits, underscores, dots or hyphens, for example \"chat-subscriptions\"."
  }

  validation {
    condition     = length(var.related_tables) == length(distinct(var.related_tables[*].name))
    error_message = "related_tables contains a table twice: name each once."
  }

  validation {
    condition     = !contains(var.related_tables[*].name, var.connections_table.name)
    error_message = "related_tables must not name the connections table. Its record is removed anyway, as the last step."
  }

  validation {
    condition     = length(var.related_tables) <= 10
    error_message = "related_tables may name at most ten tables. Each of them is read and written when a connection ends."
  }
}

variable "history" {
  description = <<-EOT
    Table with one item per ended connection. `{}` turns it on, null off.
    - `table_name`: Name of the table. null = `connections_table.name` with `-history`.
    - `retention_days`: Days that an item is kept, from 1 to 3,650.
    - `point_in_time_recovery`: Whether DynamoDB keeps continuous backups of the table, for 35 days.
    - `deletion_protection`: Whether DynamoDB refuses to delete the table.
  EOT
  type = object({
    table_name             = optional(string)
    retention_days         = optional(number, 90)
    point_in_time_recovery = optional(bool, true)
    deletion_protection    = optional(bool, true)
  })
  default = null

  validation {
    condition     = var.history == null || var.retry_queue.enabled
    error_message = "history needs the retry queue to retry failed writes. Set retry_queue.enabled = true, or leave history out."
  }

  validation {
    condition     = try(var.history.table_name, null) == null || can(regex("^[A-Za-z0-9_.-]{3,255}$", var.history.table_name))
    error_message = "history.table_name must be a table's name, not an ARN: 3 to 255 letters, digits, underscores, dots or hyphens, for example \"chat-history\"."
  }

  validation {
    condition     = try(var.history.table_name, null) == null || try(var.history.table_name != var.connections_table.name, false)
    error_message = "history.table_name must not be the connections table."
  }

  validation {
    condition     = var.history == null || try(var.history.table_name, null) != null || length("${var.connections_table.name}-history") <= 255
    error_message = "The default name of the history table, the connections table's name with -history, is longer than 255 characters: set history.table_name."
  }

  validation {
    condition     = var.history == null || try(var.history.retention_days >= 1 && var.history.retention_days <= 3650 && floor(var.history.retention_days) == var.history.retention_days, false)
    error_message = "history.retention_days must be a whole number from 1 to 3650."
  }
}

variable "duplicates" {
  description = "What happens to a client's other connections when one of them ends. `off`: nothing. `stale`: the records of those that have ended are removed. `newest`: older live ones are also closed. Records need a `clientId` that `$connect` has authenticated."
  type        = string
  default     = "off"
  nullable    = false

  validation {
    condition     = contains(["off", "stale", "newest"], var.duplicates)
    error_message = "duplicates must be \"off\", \"stale\" or \"newest\"."
  }

  validation {
    condition     = var.duplicates == "off" || var.websocket_api.stage != null
    error_message = "duplicates works with one stage. Either set websocket_api.stage to its name, for example \"live\", or set duplicates = \"off\"."
  }

  validation {
    condition     = var.duplicates == "off" || var.retry_queue.enabled
    error_message = "duplicates needs the retry queue to retry what failed. Set retry_queue.enabled = true, or duplicates = \"off\"."
  }
}

variable "events" {
  description = <<-EOT
    Announcements on EventBridge, one for each ended connection. `{}` turns them on, null off.
    - `bus_arn`: Event bus in the API's region. null = the account's default bus.
    - `client_offline_after_seconds`: Also announces a client that has had no connection for this many seconds, from 1 to 898. `$connect` must have authenticated its `clientId`. null = no such announcements.
  EOT
  type = object({
    bus_arn                      = optional(string)
    client_offline_after_seconds = optional(number)
  })
  default = null

  validation {
    condition     = var.events == null || var.retry_queue.enabled
    error_message = "events needs the retry queue to retry failed announcements. Set retry_queue.enabled = true, or leave events out."
  }

  validation {
    condition     = try(var.events.bus_arn, null) == null || can(regex("^arn:aws[a-z-]*:events:[a-z0-9-]+:\\d{12}:event-bus/[A-Za-z0-9._-]{1,256}$", var.events.bus_arn))
    error_message = "events.bus_arn must be the ARN of a bus (arn:aws:events:REGION:ACCOUNT:event-bus/NAME), for example aws_cloudwatch_event_bus.this.arn, or null for the default bus."
  }

  validation {
    condition     = try(var.events.bus_arn, null) == null || try(split(":", var.events.bus_arn)[3] == split(":", var.websocket_api.execution_arn)[3], true)
    error_message = "events.bus_arn must be the ARN of a bus in the API's region. To reach another region, forward the events with a rule."
  }

  validation {
    condition = try(var.events.client_offline_after_seconds, null) == null || try(
      var.events.client_offline_after_seconds >= 1 && var.events.client_offline_after_seconds <= 898 && floor(var.events.client_offline_after_seconds) == var.events.client_offline_after_seconds, false
    )
    error_message = "events.client_offline_after_seconds must be a whole number from 1 to 898, or null. SQS delays a message by 900 seconds at most, and two of them are reserved for the index on clientId to catch up."
  }
}

variable "monitoring" {
  description = <<-EOT
    Alarms (about 3 USD a month) and saved log queries. `{}` turns them on, null off.
    - `alarm_actions`: ARNs that alarms notify: SNS topics, Lambda functions, OpsItems, response plans or investigation groups.
    - `dashboard`: Whether to create a dashboard.
    - `connection_metrics`: Whether to publish a metric of ended connections by cause.
  EOT
  type = object({
    alarm_actions      = optional(list(string), [])
    dashboard          = optional(bool, false)
    connection_metrics = optional(bool, false)
  })
  default = null

  # What metric alarms and composite alarms both take: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html
  validation {
    condition = length(try(var.monitoring.alarm_actions, [])) <= 5 && alltrue([
      for arn in try(var.monitoring.alarm_actions, []) : anytrue([for kind in [
        "sns:[a-z0-9-]+:\\d{12}:[A-Za-z0-9_-]+",
        "lambda:[a-z0-9-]+:\\d{12}:function:[A-Za-z0-9_:$-]+",
        "ssm:[a-z0-9-]+:\\d{12}:opsitem:[1-4](#CATEGORY=[A-Za-z]+)?",
        "ssm-incidents::\\d{12}:responseplan/[A-Za-z0-9_-]+",
        "aiops:[a-z0-9-]+:\\d{12}:investigation-group[:/].+",
      ] : can(regex("^arn:aws[a-z-]*:${kind}$", arn))])
    ])
    error_message = "monitoring.alarm_actions must hold at most five ARNs of SNS topics, Lambda functions, OpsItems (arn:aws:ssm:REGION:ACCOUNT:opsitem:SEVERITY), response plans or investigation groups. EC2 and Auto Scaling actions are only for alarms on an instance or a group."
  }

  validation {
    condition = alltrue([
      for arn in try(var.monitoring.alarm_actions, []) : try(contains(["", split(":", var.websocket_api.execution_arn)[3]], split(":", arn)[3]), true)
    ])
    error_message = "monitoring.alarm_actions must be in the API's region, where the alarms are. Response plans have no region."
  }

  validation {
    condition     = var.monitoring == null || alltrue([for class in [var.logs.class, try(var.logs.group.log_group_class, null)] : coalesce(class, "STANDARD") == "STANDARD"])
    error_message = "monitoring needs log groups of class STANDARD: only these turn log lines into the metrics that the alarms use. Leave monitoring out, or leave logs.class out."
  }
}

variable "tags" {
  description = "Tags for every resource that supports them."
  type        = map(string)
  default     = {}
  nullable    = false

  # https://docs.aws.amazon.com/tag-editor/latest/userguide/tagging.html
  validation {
    condition     = length(var.tags) <= 50 && alltrue([for key, value in var.tags : value != null && length(key) >= 1 && length(key) <= 128 && try(length(value) <= 256, false)])
    error_message = "tags may hold at most 50 tags, with keys of 1 to 128 characters and values of up to 256 characters. Values must not be null."
  }

  validation {
    condition     = alltrue([for key in keys(var.tags) : !startswith(lower(key), "aws:")])
    error_message = "Keys of tags must not begin with aws:, which AWS reserves."
  }

  validation {
    condition     = length(distinct([for key in keys(var.tags) : lower(key)])) == length(var.tags)
    error_message = "Keys of tags must differ in more than upper and lower case: IAM treats Team and team as the same key."
  }
}
