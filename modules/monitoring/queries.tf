# Saved queries of CloudWatch Logs Insights. They cost nothing until they run.

locals {
  queries = {
    "endings by cause"      = "filter outcome = \"removed\" | stats count(*) by cause, bin(5m)"
    "what failed"           = "filter ispresent(error) | fields @timestamp, outcome, step, error, connectionId | sort @timestamp desc | limit 50"
    "sweeps"                = "filter outcome = \"swept\" | fields @timestamp, segment, active, removed.expired, removed.gone, failed, foreign, timeless, undated, unproven, probes.alive, probes.gone, refusal, durationMs | sort @timestamp desc | limit 50"
    "one connection's life" = "filter connectionId = \"PUT ITS connectionId HERE\" | sort @timestamp asc"
    "how long they stayed"  = "filter outcome = \"removed\" | stats count(*), pct(durationMs, 50) / 1000 as median_s, max(durationMs) / 1000 as longest_s by cause"
  }
}

resource "aws_cloudwatch_query_definition" "this" {
  for_each = local.queries

  name            = "${var.name}/${each.key}"
  log_group_names = var.log_group_names
  query_string    = each.value
}
