"""The calls of the module that tests plan, all together: starting the provider takes longer than planning."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
CLONE = "./terraform-aws-websocket-disconnect"  # a link; by an absolute path, init would copy the module for each call
API, LIVE = "arn:aws:execute-api:eu-central-1:111122223333:a1b2c3", 'id = "a1b2c3", stage = "live"'
REQUIRED = {
    "name": '"chat"',
    "websocket_api": f'{{ {LIVE}, execution_arn = "{API}" }}',
    "connections_table": '{ name = "chat-connections" }',
}
PROVIDER = """
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}
"""


@dataclass(frozen=True)
class Call:
    """A call of the root module, with REQUIRED unless its inputs (HCL) set them, or of another module.

    `answers` are, with the mocked provider, the values (HCL) of a data source or the outputs of a module within it, by their addresses.
    """

    inputs: str = ""
    module: str = CLONE
    answers: dict[str, str] = field(default_factory=dict)
    required: bool = True

    def block(self, name: str) -> str:
        missing = {key: value for key, value in REQUIRED.items() if self.required and not re.search(rf"^ *{key} +=", self.inputs, re.M)}
        return "\n".join([f'module "{name}" {{', f'source = "{self.module}"', *map(" = ".join, missing.items()), self.inputs, "}\n"])

    def overrides(self, name: str) -> str:
        """What the mocked provider answers for this call alone."""
        found = [
            (
                f"override_{'data' if 'data.' in address else 'module'}",
                address,
                f"{'values' if 'data.' in address else 'outputs'} = {values}",
            )
            for address, values in self.answers.items()
        ]
        if self.required:
            found += [
                ("override_resource", address, f"override_during = plan\n  values = {values}") for address, values in OWN_ARNS.items()
            ]
        return "".join(f"{kind} {{\n  target = module.{name}.{address}\n  {answer}\n}}\n" for kind, address, answer in found)


def table(name: str, attributes: str = "connectionId S", sort_key: str = "", indexes: str = "") -> str:
    """A table that a data source finds, the first of its attributes its partition key; `indexes` as "name partition sort", one a line."""
    pairs = [attribute.split() for attribute in attributes.split(", ")]
    listed = ", ".join(f'{{ name = "{attribute}", type = "{kind}" }}' for attribute, kind in pairs)
    rest = "read_capacity = 0, write_capacity = 0, on_demand_throughput = []"
    found = [[*line.split(" "), ""][:3] for line in indexes.splitlines()]
    described = ", ".join(
        f'{{ name = "{index}", hash_key = "{key}", range_key = "{sort}", projection_type = "ALL", non_key_attributes = [], {rest} }}'
        for index, key, sort in found
    )
    return f"""{{
    arn                    = "arn:aws:dynamodb:eu-central-1:111122223333:table/{name}"
    hash_key               = "{pairs[0][0]}"
    range_key              = "{sort_key}"
    attribute              = [{listed}]
    global_secondary_index = [{described}]
  }}"""


def websocket_api(**values: str) -> str:
    """The input with other values than the right ones."""
    pairs = {"id": "a1b2c3", "execution_arn": API, **values}
    return "websocket_api = { " + ", ".join(f'{name} = "{value}"' for name, value in pairs.items()) + " }"


def hcl(value: Any, leaf: Callable[[Any, tuple[str, ...]], str], *path: str) -> str:
    """A value as Terraform reads it, with every part that is no object by `leaf`."""
    if isinstance(value, dict) and path[-1] not in ("environment", "tags"):
        return "{ " + ", ".join(f"{key} = {hcl(part, leaf, *path, key)}" for key, part in value.items()) + " }"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[" + ", ".join(hcl(part, leaf, *path) for part in value) + "]"
    return leaf(value, path)


ARN, DYNAMODB = "arn:aws:{}:eu-central-1:111122223333:{}", "arn:aws:dynamodb:eu-central-1:111122223333:table/{}"
URL = "https://sqs.eu-central-1.amazonaws.com/111122223333/{}"
KEY = ARN.format("kms", "key/ours")
BOUNDARY = "arn:aws:iam::111122223333:policy/boundary"
EXISTING = {name: f"arn:aws:iam::111122223333:role/platform/chat-{name}" for name in ("disconnect", "cleanup", "schedule", "gateway")}
ROUTE = f'function = {{ name = "chat", invoke_arn = "{ARN.format("apigateway", "lambda:path/2015-03-31/functions/chat/invocations")}" }}\n'
LAYER = ARN.format("lambda", "layer:extension:80")
SIGNING = ARN.format("lambda", "code-signing-config:csc-0123456789abcdef0")
PAGED = [ARN.format("sns", "pager"), ARN.format("lambda", "function:pager:live")]  # when an alarm starts and when it ends
OPENED = [
    ARN.format("ssm", "opsitem:2#CATEGORY=Availability"),
    "arn:aws:ssm-incidents::111122223333:responseplan/chat",
    ARN.format("aiops", "investigation-group/chat"),
]
LOG_GROUP = ARN.format("logs", "log-group:/platform/chat")

# What AWS would answer, where the module looks into the answer.
ANSWERS = {
    "resource": {
        "aws_dynamodb_table": {"arn": DYNAMODB.format("chat-connections")},
        "aws_lambda_function": {
            "arn": ARN.format("lambda", "function:chat"),
            "last_modified": "",  # as long as it is unknown: the code is then not compared
            "invoke_arn": ARN.format("apigateway", f"lambda:path/2015-03-31/functions/{ARN.format('lambda', 'function:chat')}/invocations"),
        },
        "aws_cloudwatch_log_group": {"arn": ARN.format("logs", "log-group:LOGS")},
        "aws_iam_role": {"arn": "arn:aws:iam::111122223333:role/chat"},
        "aws_sqs_queue": {"name": "chat-retry", "arn": ARN.format("sqs", "chat-retry"), "url": URL.format("chat-retry")},
        "aws_scheduler_schedule_group": {"arn": ARN.format("scheduler", "schedule-group/chat-sweep")},
        "aws_apigatewayv2_integration": {"id": "abc123"},
        "aws_cloudwatch_event_rule": {"arn": ARN.format("events", "rule/chat-look-at-once")},
        "aws_cloudwatch_metric_alarm": {"arn": ARN.format("cloudwatch", "alarm:chat-alarm")},
    },
    "data": {
        "aws_region": {"endpoint": "ec2.eu-central-1.amazonaws.com"},
        "aws_caller_identity": {"account_id": "111122223333"},
    },
}


def mocked() -> str:
    """A provider that answers so at plan time."""
    mocks = (
        f'mock_{kind} "{name}" {{\n  defaults = {json.dumps(values)}\n}}\n' for kind, its in ANSWERS.items() for name, values in its.items()
    )
    return f'mock_provider "aws" {{\noverride_during = plan\n{"".join(mocks)}}}\n'


# Where the mocked provider would answer the same for several resources of a type.
OWN_ARNS = {
    **{
        f"module.{module}[0].aws_sqs_queue.{name}": (
            f'{{ name = "{queue}", arn = "{ARN.format("sqs", queue)}", url = "{URL.format(queue)}" }}'
        )
        for module, name, queue in (
            ("retry_queue", "dead_letter", "chat-retry-dead-letter"),
            ("report_queue", "this", "chat-reports"),
            ("disconnect_queue", "this", "chat-disconnects"),
        )
    },
    **{
        f"module.{kind}_table[0].aws_dynamodb_table.this": f'{{ arn = "{DYNAMODB.format(f"chat-connections-{kind}")}" }}'
        for kind in ("history", "offline")
    },
}

# Every field of every input, in a stack with everything on. Numbers and strings are at none of their bounds.
FULL: dict[str, Any] = {
    "name": "chat",
    "websocket_api": {
        "id": "a1b2c3", "execution_arn": API, "stage": "live", "protocol_type": "WEBSOCKET",
        "connections_endpoint": "https://chat.example.com/live",
    },
    "connections_table": {
        "name": "chat-connections", "create": True, "point_in_time_recovery": True, "deletion_protection": True, "shared": False,
        "client_index": "byClient",
    },
    "kms_key_arn": KEY,
    "function": {
        "memory_size": 512, "timeout": 15, "reserved_concurrency": 50, "architecture": "arm64", "runtime": "python3.13",
        "package": {"path": None, "s3": {"bucket": "packages", "key": "signed/disconnect.zip", "object_version": "v7"}},
        "layers": [LAYER], "environment": {"DD_SITE": "datadoghq.eu"}, "tracing": "Active", "code_signing_config_arn": SIGNING,
    },
    "cleanup_function": {"memory_size": 2048, "timeout": 180, "reserved_concurrency": 20},
    "vpc": {"subnet_ids": ["subnet-a1", "subnet-b2"], "security_group_ids": ["sg-c3"], "ipv6_allowed_for_dual_stack": True},
    "logs": {
        "retention_days": 90, "format": "JSON", "client_details": "masked", "level": "INFO", "class": "STANDARD", "skip_destroy": True,
        "group": None,
    },
    "role": {"path": "/service/", "permissions_boundary_arn": BOUNDARY, "name_suffix": "-eu-central-1", "existing": None},
    "delivery": "queue",
    "disconnect_queue": {"maximum_concurrency": 20},
    "retry_queue": {"enabled": True, "max_receive_count": 50, "maximum_concurrency": 10, "operators": ["role/on-call"]},
    "sweep": {
        "enabled": True, "schedule": "rate(1 hour)", "segments": 2, "expired_after_seconds": 8000,
        "probe": {
            "per_second": 20, "most_per_second": 200, "suspect_after_seconds": 700, "exclusive_table": True, "report_queue": True,
            "report_senders": ["arn:aws:iam::444455556666:role/chat"],
        },
    },
    "related_tables": [],
    "history": {"table_name": "chat-history", "retention_days": 30, "point_in_time_recovery": True, "deletion_protection": True},
    "duplicates": "newest",
    "events": {"bus_arn": ARN.format("events", "event-bus/chat"), "client_offline_after_seconds": 60},
    "monitoring": {"alarm_actions": PAGED + OPENED, "dashboard": True, "connection_metrics": True},
    "tags": {"Team": "chat"},
}  # fmt: skip
# What decides which resources there are, or what the provider itself wants to know: not to be had from another resource of the same apply.
KNOWN_FIRST = {
    "connections_table.client_index", "connections_table.create", "connections_table.shared", "delivery", "duplicates",
    "events.client_offline_after_seconds", "function.runtime", "logs.level", "monitoring.dashboard",
    "retry_queue.enabled", "sweep.enabled", "sweep.probe.report_queue", "sweep.segments",
}  # fmt: skip
LATER_RESOURCE = 'resource "terraform_data" "later" {\n  input = "x"\n}\n'
LATER = "terraform_data.later.output"
MOST_RECEIPTS = [(120, 830), (900, 159)]  # what retry_queue.max_receive_count may be with a time-out of the clean-up function


def full(leaf: Callable[[Any, tuple[str, ...]], str]) -> Call:
    return Call("\n".join(f"{name} = {hcl(value, leaf, name)}" for name, value in FULL.items()))


def literal(value: Any, _: tuple[str, ...] = ()) -> str:
    return json.dumps(value)


def known_after_apply(value: Any, path: tuple[str, ...]) -> str:
    if not value or ".".join(path) in KNOWN_FIRST:
        return literal(value)
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {LATER}" for key in value) + " }"
    return f'split(",", {LATER})' if isinstance(value, list) else LATER


def sensitive(value: Any, path: tuple[str, ...]) -> str:
    return literal(value) if value is None or ".".join(path) in KNOWN_FIRST else f"sensitive({literal(value)})"


# Planned by the provider.
PLANNED = {
    "default": Call(),
    "without_queue_and_sweep": Call("retry_queue = { enabled = false }\nsweep = { enabled = false }"),
    "full": full(literal),
    "queued": Call(f"""
      delivery    = "queue"
      kms_key_arn = "{KEY}"
      role        = {{ path = "/service/", name_suffix = "-eu", permissions_boundary_arn = "{BOUNDARY}" }}
      function    = {{ reserved_concurrency = 35 }}
      sweep       = {{ probe = {{}} }}
      monitoring  = {{ dashboard = true }}
      tags        = {{ Team = "chat" }}
    """),
    "existing_roles": Call(f'delivery = "queue"\nrole = {{ existing = {hcl(EXISTING, literal, "existing")} }}'),
    "later_roles": Call(f'delivery = "queue"\nrole = {{ existing = {hcl(EXISTING, known_after_apply, "existing")} }}'),
    "later": full(known_after_apply),
    "sensitive": full(sensitive),
    "company": Call(f"""
      websocket_api = {{ id = "a1b2c3", execution_arn = "{API}" }}
      function      = {{ package = {{ path = "{REPOSITORY}/README.md" }} }}
      logs          = {{ group = {{ name = "/platform/chat", arn = "{LOG_GROUP}" }}, format = "Text" }}
      retry_queue   = {{ operators = ["role/on-call"] }}
      monitoring    = {{}}
    """),
}
BOUNDS = """
  history          = {{ retention_days = {} }}
  events           = {{ client_offline_after_seconds = {} }}
  sweep            = {{
    expired_after_seconds = {}, probe = {{ suspect_after_seconds = {}, per_second = {}, most_per_second = {}, exclusive_table = true }}
  }}
  cleanup_function = {{ timeout = {} }}
  retry_queue      = {{ max_receive_count = {} }}
"""
PROBE = "sweep = {{ probe = {{ {} }} }}"
RELATED = """related_tables = [
  { name = "subscriptions" },
  { name = "rooms", index = "byMember", connection_id_attribute = "member" },
]"""
TOPIC = ARN.format("sns", "pager")
# By the mocked provider, for test_alarms.py: time-outs and schedules.
SWEPT = {
    name: Call(f"""
      sweep            = {{ probe = {{ report_queue = true }}, segments = 2, schedule = "{schedule}" }}
      cleanup_function = {{ timeout = {timeout} }}
      monitoring       = {{ alarm_actions = ["{TOPIC}"] }}
    """)
    for name, schedule, timeout in (
        ("swept_often", "rate(5 minutes)", 120),
        ("swept_daily", "rate(1 day)", 900),
        ("timeout_60", "rate(5 minutes)", 60),
    )
}
# By the mocked provider as well.
CALLS = {name: PLANNED[name] for name in PLANNED if name not in ("queued", "later", "later_roles", "sensitive")} | {
    "queue": Call('delivery = "queue"'),
    "queue_kept": Call("disconnect_queue = { maximum_concurrency = 7 }\nsweep = { probe = {}, segments = 4 }\nmonitoring = {}"),
    "europe": Call(f'websocket_api = {{ {LIVE}, execution_arn = "{API.replace("aws", "aws-eusc")}" }}\nduplicates = "stale"'),
    "probe": Call(PROBE.format("")),
    "probe_without_sweep": Call("sweep = { enabled = false, probe = {} }\nmonitoring = {}"),
    "shared_table": Call("""
      connections_table = { name = "chat-connections", shared = true }
      function          = { tracing = "Active" }
      vpc               = { subnet_ids = ["subnet-a1", "subnet-b2"], security_group_ids = ["sg-c3"] }
      monitoring        = {}
    """),
    "queues_with_key": Call(f'delivery = "queue"\nkms_key_arn = "{KEY}"\n{PROBE.format("report_queue = true")}'),
    "related_tables": Call(
        RELATED,
        answers={
            "module.related_table[0]": f"""{{
              setting     = {{ table = "subscriptions", attribute = "connectionId", index = null, keys = ["connectionId"] }}
              arn         = "{DYNAMODB.format("subscriptions")}"
              query_arn   = "{DYNAMODB.format("subscriptions")}"
              kms_key_arn = "{ARN.format("kms", "key/theirs")}"
            }}""",
            "module.related_table[1].data.aws_dynamodb_table.this": table("rooms", "room S, seat N, member S", "seat", "byMember member"),
        },
    ),
    "report_senders": Call(
        PROBE.format('report_queue = true, report_senders = ["arn:aws:iam::444455556666:role/chat", "arn:aws:iam::444455556666:role/feed"]')
    ),
    "history_without_sweep": Call("history = {}\nsweep = { enabled = false }"),
    "newest_duplicates": Call('duplicates = "newest"'),
    "events": Call("events = {}"),
    "offline_clients": Call("events = { client_offline_after_seconds = 60 }"),
    "key": Call(f'kms_key_arn = "{KEY}"'),
    "their_table": Call(
        'connections_table = { name = "theirs", create = false, client_index = "byUser" }\nduplicates = "stale"',
        answers={
            "module.connections_table.data.aws_dynamodb_table.this[0]": table(
                "theirs", "connectionId S, clientId S, connectedAt N", indexes="byUser clientId connectedAt"
            )
        },
    ),
    "their_table_with_key": Call(
        'connections_table = { name = "theirs", create = false }',
        answers={
            "module.connections_table": f"""{{
              name             = "theirs"
              arn              = "{DYNAMODB.format("theirs")}"
              client_index_arn = null
              kms_key_arn      = "{ARN.format("kms", "key/theirs")}"
            }}"""
        },
    ),
    "lowest": Call(BOUNDS.format(1, 1, 7260, 660, 1, 1, *MOST_RECEIPTS[0])),
    "highest": Call(BOUNDS.format(3650, 898, 604800, 604800, 1000, 1000, *MOST_RECEIPTS[1])),
}
# Outputs that a test looks at.
OUTPUTS = {"existing_roles": "role_policies", "report_senders": "report_gone", "queues_with_key": "report_gone"}


def readme() -> str:
    """The blocks that README shows around the call, and the API that they refer to."""
    section = (REPOSITORY / "README.md").read_text().split("\n## Use it\n")[1].split("\n## ")[0]
    blocks = [textwrap.dedent(block) for block in re.findall(r"^ *```hcl\n(.*?)^ *```$", section, re.MULTILINE | re.DOTALL)]
    api = 'name = "chat"\n  protocol_type = "WEBSOCKET"\n  route_selection_expression = "$request.body.action"'
    return "\n".join([f'resource "aws_apigatewayv2_api" "ws" {{\n  {api}\n}}', *blocks])
