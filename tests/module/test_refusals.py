"""Every input that can be wrong is refused by a plan, in words that say what to write instead.

Validations need variables.tf alone: without resources there is no provider to start, and one plan tries them all.
"""

from __future__ import annotations

import json
import re
import shutil

import pytest

from tools.terraform import Root, TerraformError

from .calls import API, ARN, BOUNDARY, EXISTING, LATER_RESOURCE, LOG_GROUP, REPOSITORY, ROUTE, SIGNING, Call, websocket_api
from .conftest import offline_root

pytestmark = pytest.mark.xdist_group("refusals")  # to plan once

EVERY_STAGE = f'websocket_api = {{ id = "a1b2c3", execution_arn = "{API}" }}'
NO_QUEUE = "retry_queue = { enabled = false }\nsweep = { enabled = false }"
LATER_API = 'websocket_api = { id = terraform_data.later.output, execution_arn = terraform_data.later.output, stage = "live" }'
ELSEWHERE = ARN.replace("eu-central-1", "us-east-1")
GROUP_ATTRIBUTES = f'name = "/platform/chat", arn = "{LOG_GROUP}"'
SUBNET, GROUP = "subnet-0123456789abcdef0", "sg-0123456789abcdef0"


# The inputs, of which the last is refused, and words of the message.
REFUSED = [
    ('name = "chat prod"', "1 to 40 letters, digits and hyphens"),
    ('name = "a2345678901234567890123456789012345678901"', "1 to 40 letters"),
    (websocket_api(id="Chat", execution_arn=API.replace("a1b2c3", "Chat")), "must be the API's id"),
    (websocket_api(execution_arn="arn:aws:apigateway:eu-central-1::/apis/a1b2c3"), "aws_apigatewayv2_api.this.execution_arn"),
    (websocket_api(execution_arn=f"{API}/live"), "without a stage"),
    (websocket_api(execution_arn=API.replace("a1b2c3", "zzzzzz")), "execution ARN of the same API"),
    (websocket_api(stage=f"{API}/live"), "must be a stage's name"),
    (f'connections_table = {{ name = "{ARN.format("dynamodb", "table/chat")}" }}', "not an ARN"),
    ('connections_table = { name = "chat-connections", client_index = "by client" }', "an index's name"),
    (f'kms_key_arn = "{ARN.format("kms", "alias/chat")}"', "not of an alias"),
    ('kms_key_arn = "8ae0f435-e51d-450b-b637-1963f70b9a8f"', "must be the ARN of a key"),
    ("function = { memory_size = 255 }", "from 256"),
    ("function = { timeout = 9 }", "from 10"),
    ("function = { timeout = 30 }", "to 29"),
    ("function = { reserved_concurrency = 0 }", "at least 1"),
    ('function = { architecture = "arm" }', "arm64"),
    ('function = { runtime = "nodejs22.x" }', "Python runtimes"),
    ('function = { package = { path = "./no-such.zip" } }', "existing zip"),
    ("function = { package = {} }", "where the zip is, exactly once"),
    (
        'function = { package = { path = "./main.tf", s3 = { bucket = "packages", key = "disconnect.zip" } } }',
        "where the zip is, exactly once",
    ),
    (f'function = {{ layers = ["{ARN.format("lambda", "layer:extension")}"] }}', "layer:NAME:VERSION"),
    (f'function = {{ layers = [for n in range(6) : "{ARN.format("lambda", "layer:extension:")}${{n}}"] }}', "at most five"),
    ('function = { environment = { HISTORY_TABLE = "mine" } }', "the module's own variables"),
    ('function = { environment = { AWS_REGION = "eu-central-1" } }', "Lambda sets itself"),
    ('function = { environment = { "DD-SITE" = "datadoghq.eu" } }', "letters, digits and underscores"),
    ('function = { tracing = "active" }', "PassThrough"),
    ('function = { package = { path = "./main.tf" }, code_signing_config_arn = "csc-0123456789abcdef0" }', "code signing configuration"),
    (f'function = {{ code_signing_config_arn = "{SIGNING}" }}', "sign it"),
    ("cleanup_function = { memory_size = 64 }", "from 128"),
    ("cleanup_function = { timeout = 59 }", "from 60"),
    ("cleanup_function = { timeout = 901 }", "to 900"),
    ("cleanup_function = { reserved_concurrency = 5 }", "retry_queue.maximum_concurrency + sweep.segments"),
    (
        "sweep = { probe = { report_queue = true } }\nmonitoring = {}\ncleanup_function = { reserved_concurrency = 8 }",
        "2 more with sweep.probe.report_queue",
    ),
    ("retry_queue = { max_receive_count = 831 }\ncleanup_function = {}", "at most 830 with a cleanup_function.timeout of 120"),
    ("retry_queue = { max_receive_count = 160 }\ncleanup_function = { timeout = 900 }", "at most 159"),
    (f'vpc = {{ subnet_ids = [], security_group_ids = ["{GROUP}"] }}', "at least one"),
    (f'vpc = {{ subnet_ids = ["{ARN.format("ec2", f"subnet/{SUBNET}")}"], security_group_ids = ["{GROUP}"] }}', "ids of subnets"),
    (f'vpc = {{ subnet_ids = ["{SUBNET}"], security_group_ids = [] }}', "one to five"),
    (f'vpc = {{ subnet_ids = ["{SUBNET}"], security_group_ids = ["default"] }}', "security groups"),
    (f'vpc = {{ subnet_ids = ["{SUBNET}"], security_group_ids = [for n in range(6) : "sg-${{n}}"] }}', "one to five"),
    ("logs = { retention_days = 31 }", "1, 3, 5, 7"),
    ('logs = { format = "json" }', "Text"),
    ('logs = { client_details = "none" }', "masked"),
    ('logs = { level = "DEBUG" }', "WARN"),
    ('logs = { class = "DELIVERY" }', "INFREQUENT_ACCESS"),
    (f"logs = {{ skip_destroy = true, group = {{ {GROUP_ATTRIBUTES} }} }}", "leave class and skip_destroy"),
    (f'logs = {{ group = {{ name = "/platform/chat", arn = "{LOG_GROUP}:*" }} }}', "without a trailing"),
    ('role = { path = "service" }', "begin and end with a slash"),
    ('role = { permissions_boundary_arn = "arn:aws:iam::111122223333:role/boundary" }', "ARN of a managed policy"),
    ('role = { name_suffix = "/eu" }', "letters, digits"),
    ('name = "a-name-of-forty-letters-that-is-the-most"\nrole = { name_suffix = "-ap-southeast-2" }', "at most 64"),
    *(
        (f"{more}role = {{ existing = {json.dumps({**EXISTING, **roles})}, {fields} }}", words)
        for more, roles, fields, words in (
            ("", {"cleanup": BOUNDARY}, "", "must be ARNs of roles"),
            ("", {"cleanup": "arn:aws:iam::111122223333:role/*"}, "", "must be ARNs of roles"),
            ("", {"cleanup": "arn:aws:iam::444455556666:role/chat"}, "", "of the API's account"),
            ("", {"cleanup": None}, "", "cleanup with the retry queue"),
            ("", {"schedule": None}, "", "schedule with the sweep"),
            ('delivery = "queue"\n', {"gateway": None}, "", "gateway with delivery"),
            ("disconnect_queue = {}\n", {"gateway": None}, "", "gateway with delivery"),
            ("", {}, 'path = "/service/"', "managed elsewhere"),
            ("", {}, f'permissions_boundary_arn = "{BOUNDARY}"', "managed elsewhere"),
            ("", {}, 'name_suffix = "-eu"', "managed elsewhere"),
        )
    ),
    ('delivery = "sqs"', "must be"),
    *((f"disconnect_queue = {{ maximum_concurrency = {n} }}", "whole number from 2 to 1000") for n in (1, 2.5, 1001)),
    (f'{NO_QUEUE}\ndelivery = "queue"\ndisconnect_queue = {{}}', "retry_queue.enabled = true"),
    ('delivery = "queue"\nfunction = { reserved_concurrency = 34 }\ndisconnect_queue = null', "at most function.reserved_concurrency"),
    ("function = { reserved_concurrency = 19 }\ndisconnect_queue = { maximum_concurrency = 20 }", "at most function.reserved_concurrency"),
    ("retry_queue = { max_receive_count = 4 }", "from 5"),
    ("retry_queue = { maximum_concurrency = 1 }", "from 2"),
    ('retry_queue = { operators = ["arn:aws:iam::444455556666:role/on-call"] }', "of this account"),
    (
        'connections_table = { name = "chat-connections", shared = true }\nsweep = { probe = { exclusive_table = true } }',
        "cannot be both exclusive and shared",
    ),
    ('sweep = { probe = { report_queue = true, report_senders = ["444455556666"] } }', "must be ARNs of roles"),
    ('sweep = { probe = { report_senders = ["arn:aws:iam::444455556666:role/chat"] } }', "report_queue = true"),
    ("sweep = { probe = { per_second = 20, most_per_second = 10 } }", "begins at this rate"),
    ("sweep = { probe = { most_per_second = 1001 } }", "at most 1000"),
    ("sweep = { probe = { per_second = 2.5 } }", "whole number"),
    ("sweep = { segments = 4, probe = { per_second = 3 } }", "one for each segment"),
    ("sweep = { probe = { per_second = 0 } }", "from 1"),
    ("retry_queue = { enabled = false }\nsweep = {}", "retry_queue.enabled = true"),
    ('sweep = { schedule = "cron(0/5 * * * ? *)" }', "rate(5 minutes)"),
    ('sweep = { schedule = "rate(25 hours)" }', "from one minute to one day"),
    ("sweep = { segments = 0 }", "from 1 to 100"),
    ("sweep = { segments = 1.5 }", "whole number"),
    ("sweep = { expired_after_seconds = 7200 }", "7260"),
    (f"{EVERY_STAGE}\nsweep = {{ probe = {{}} }}", "Set websocket_api.stage"),
    ("sweep = { probe = { suspect_after_seconds = 600 } }", "660"),
    (f'{NO_QUEUE}\nrelated_tables = [{{ name = "rooms" }}]', "retry_queue.enabled = true"),
    (f'related_tables = [{{ name = "{ARN.format("dynamodb", "table/rooms")}" }}]', "not an ARN"),
    ('related_tables = [{ name = "rooms" }, { name = "rooms", index = "byConnection" }]', "name each once"),
    ('related_tables = [{ name = "chat-connections" }]', "must not name the connections table"),
    ('related_tables = [for n in range(11) : { name = "rooms-${n}" }]', "at most ten"),
    (f"{NO_QUEUE}\nhistory = {{}}", "retry_queue.enabled = true"),
    (f'history = {{ table_name = "{ARN.format("dynamodb", "table/history")}" }}', "not an ARN"),
    ('history = { table_name = "chat-connections" }', "must not be the connections table"),
    ("history = { retention_days = 0 }", "from 1"),
    ('duplicates = "oldest"', "newest"),
    (f'{EVERY_STAGE}\nduplicates = "stale"', "set websocket_api.stage"),
    (f'{NO_QUEUE}\nduplicates = "stale"', "retry_queue.enabled = true"),
    ('events = { bus_arn = "chat" }', "ARN of a bus"),
    ('events = { bus_arn = "arn:aws:events:us-east-1:111122223333:event-bus/chat" }', "in the API's region"),
    ("events = { client_offline_after_seconds = 899 }", "to 898"),
    ("events = { client_offline_after_seconds = 1.5 }", "whole number"),
    ("events = { client_offline_after_seconds = 0 }", "from 1"),
    (f"{NO_QUEUE}\nevents = {{}}", "retry_queue.enabled = true"),
    ('monitoring = { alarm_actions = ["ops@example.com"] }', "ARNs of SNS topics"),
    ('monitoring = { alarm_actions = ["arn:aws:automate:eu-central-1:ec2:reboot"] }', "for alarms on an instance"),
    (f'monitoring = {{ alarm_actions = [for n in range(6) : "{ARN.format("sns", "pager-")}${{n}}"] }}', "at most five"),
    ('logs = { class = "INFREQUENT_ACCESS" }\nmonitoring = {}', "class STANDARD"),
    (f'logs = {{ group = {{ {GROUP_ATTRIBUTES}, log_group_class = "INFREQUENT_ACCESS" }} }}\nmonitoring = {{}}', "class STANDARD"),
    (websocket_api(protocol_type="HTTP"), "must be a WebSocket API"),
    *(
        (websocket_api(stage="live", connections_endpoint=url), "without a slash at its end")
        for url in ("wss://chat.example.com", "https://chat.example.com/", "chat.example.com", "https://")
    ),
    (websocket_api(connections_endpoint="https://chat.example.com"), "serves one stage"),
    (f'kms_key_arn = "{ELSEWHERE.format("kms", "key/ours")}"', "in the API's region"),
    *(
        (f"{name} = {{ {field} = {value} }}", f"{name}.{field} must be a whole number")
        for name, values in {
            "function": {"memory_size": 300.5, "timeout": 10.5, "reserved_concurrency": 1.5},
            "cleanup_function": {"memory_size": 300.5, "timeout": 90.5, "reserved_concurrency": 20.5},
            "retry_queue": {"max_receive_count": 10.5, "maximum_concurrency": 2.5},
            "sweep": {"expired_after_seconds": 7500.5},
        }.items()
        for field, value in values.items()
    ),
    ("sweep = { expired_after_seconds = 604801 }", "sweep.expired_after_seconds must be a whole number"),
    *(
        (f"sweep = {{ probe = {{ suspect_after_seconds = {value} }} }}", "suspect_after_seconds must be a whole number")
        for value in (700.5, 604801, 1234567890)
    ),
    ('function = { tracing = "" }', "PassThrough"),
    ("function = { environment = { DD_SITE = null } }", "Leave out those that are null"),
    ('function = { environment = { DD_TAGS = join("", range(1000)) } }', "4 KB"),
    (f'function = {{ layers = ["{ELSEWHERE.format("lambda", "layer:extension:80")}"] }}', "in the API's region"),
    ('logs = { class = "" }', "INFREQUENT_ACCESS"),
    ("logs = { retention_days = 0 }", "never expire"),
    (f'logs = {{ group = {{ name = "/platform/other", arn = "{LOG_GROUP}" }} }}', "of the same log group"),
    (f'logs = {{ group = {{ name = "chat", arn = "{ELSEWHERE.format("logs", "log-group:chat")}" }} }}', "in the API's region and account"),
    ('role = { permissions_boundary_arn = "arn:aws:iam::444455556666:policy/boundary" }', "of the API's account"),
    (f'connections_table = {{ name = "{"c" * 250}" }}\nhistory = {{}}', "set history.table_name"),
    ('events = { bus_arn = "" }', "ARN of a bus"),
    (f'{LATER_API}\nevents = {{ bus_arn = "chat" }}', "ARN of a bus"),
    (f'monitoring = {{ alarm_actions = ["{ELSEWHERE.format("sns", "pager")}"] }}', "in the API's region"),
    ('tags = { "aws:team" = "chat" }', "AWS reserves"),
    ('tags = { Team = "chat", team = "chat" }', "upper and lower case"),
    ("tags = { Team = null }", "must not be null"),
]

# The modules that are public check what they are given themselves: the call, and the inputs that are refused.
LAMBDA = 'name = "chat"\ndescription = "Removes records"\nhandler = "disconnect.lambda_handler"\ntimeout = 10\n'
REFUSED_BY_PUBLIC = [
    ("connections-table", 'name = "a b"\nclient_index = "a b"\nkms_key_arn = "alias/chat"', "name client_index kms_key_arn"),
    (
        "lambda-function",
        """
        description          = "Removes records"
        name                 = "a b"
        handler              = "disconnect"
        package              = { path = "./no-such.zip" }
        runtime              = "python2.7"
        architecture         = "arm"
        memory_size          = 64
        timeout              = 901
        reserved_concurrency = 0
        logs                 = { retention_days = 31 }
        kms_key_arn          = "alias/chat"
        layers               = ["extension"]
        tracing              = "active"
        vpc                  = { subnet_ids = ["subnet-1"], security_group_ids = ["default"] }
        """,
        "name handler package runtime architecture memory_size timeout reserved_concurrency logs kms_key_arn layers tracing vpc",
    ),
    ("lambda-function", LAMBDA + 'package = {}\nlogs = { class = "DELIVERY" }\nrole = { path = "service" }', "package logs role"),
    ("lambda-function", LAMBDA + 'vpc = { subnet_ids = [], security_group_ids = ["sg-1"] }\nlogs = { format = "json" }', "vpc logs"),
    ("lambda-function", LAMBDA + 'logs = { group = { name = "chat", arn = "chat" } }', "logs"),
    ("lambda-function", LAMBDA + 'role = { name_suffix = "/eu" }', "role"),
    (
        "lambda-function",
        f'{LAMBDA}logs = {{ skip_destroy = true, group = {{ {GROUP_ATTRIBUTES} }} }}\ncode_signing_config_arn = "csc-0"',
        "logs code_signing_config_arn",
    ),
    ("lambda-function", f'{LAMBDA}code_signing_config_arn = "{SIGNING}"', "code_signing_config_arn"),
    (
        "lambda-function",
        LAMBDA + 'role = { permissions_boundary_arn = "boundary" }\nexisting_role = { arn = "chat" }',
        "role existing_role",
    ),
    (
        "disconnect-route",
        f'{websocket_api(execution_arn=f"{API}/live")}\nfunction = {{ name = "chat", invoke_arn = "chat" }}',
        "websocket_api function",
    ),
    ("disconnect-route", ROUTE + websocket_api(id=API), "websocket_api"),
    ("disconnect-route", ROUTE + websocket_api(stage="a b"), "websocket_api"),
]
CALLS = {f"root_{number}": inputs for number, (inputs, _) in enumerate(REFUSED)} | {
    f"{module}_{number}": inputs for number, (module, inputs, _) in enumerate(REFUSED_BY_PUBLIC)
}


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Terraform's errors about each of CALLS."""
    folder = tmp_path_factory.mktemp("refusals")
    calls = {}
    for name, inputs in CALLS.items():
        module = name.rpartition("_")[0]
        calls[name] = Call(inputs, f"./{module}", required=module == "root")
        (folder / module).mkdir(exist_ok=True)
        shutil.copy((REPOSITORY if module == "root" else REPOSITORY / "modules" / module) / "variables.tf", folder / module)
    root, found = offline_root(folder), dict[str, str]()
    # What needs a look at other inputs is tried only when nothing else is wrong.
    while (rest := {name: call for name, call in calls.items() if name not in found}) and (new := one_plan(rest, root)):
        found |= new
    return found


def one_plan(calls: dict[str, Call], root: Root) -> dict[str, str]:
    """The messages against some of the calls, with the line that each is about."""
    (root.folder / "main.tf").write_text(LATER_RESOURCE + "\n".join(call.block(name) for name, call in calls.items()))
    if len(calls) == len(CALLS):
        root.init()
    try:
        root.run("plan", "-json")
    except TerraformError as error:
        said = [json.loads(line) for line in str(error).splitlines() if line.startswith("{")]
    else:
        return {}
    found: dict[str, str] = {}
    lines = (root.folder / "main.tf").read_text().splitlines()
    for diagnostic in (message["diagnostic"] for message in said if message["type"] == "diagnostic"):
        before = lines[: diagnostic["range"]["start"]["line"]]
        call = next(line.split('"')[1] for line in reversed(before) if line.startswith("module "))
        found[call] = f"{found.get(call, '')}{diagnostic['summary']}: {diagnostic['snippet']['code'].strip()}: {diagnostic['detail']}\n"
    return found


@pytest.mark.parametrize("number", range(len(REFUSED)), ids=lambda number: f"{number} {REFUSED[number][0]}")
def test_a_wrong_input_is_refused(number: int, messages: dict[str, str]) -> None:
    inputs, words = REFUSED[number]
    variable, message = inputs.splitlines()[-1].split(" =")[0], messages[f"root_{number}"]
    assert f"Invalid value for variable: {variable} =" in message
    assert words in message


@pytest.mark.parametrize("number", range(len(REFUSED_BY_PUBLIC)))
def test_a_public_module_refuses_wrong_inputs(number: int, messages: dict[str, str]) -> None:
    module, _, variables = REFUSED_BY_PUBLIC[number]
    found = re.findall(r"^Invalid value for variable: (\w+) *=", messages[f"{module}_{number}"], re.MULTILINE)
    assert set(found) == set(variables.split())
