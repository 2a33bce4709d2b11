"""An AWS on this machine, for as long as a block runs:

    with local_aws() as aws:
        subprocess.run(["terraform", "apply"], env=aws.environment)
        aws.client("dynamodb").scan(TableName="connections")
        websockets.sync.client.connect(aws.websocket_url(api_id, "dev"))
        aws.faults.fail("lambda", "cut", where=is_disconnect, times=3)     # API Gateway loses three $disconnect events
        aws.faults.fail("dynamodb", "InternalServerError")                 # for functions only: they call AWS through the proxy

Signatures are verified and every function's calls are judged by its role. The root's key is a new one each time. It listens on loopback
only, answers no web page (local.door), and ends with the block or with this process, however that ends.
"""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config

from . import leash
from .fault_proxy import FaultProxy, Request

REGION = "ap-northeast-2"
NO_FILE = (None, None, os.devnull, None)  # botocore: neither a setting nor a variable names it, but this default
REPOSITORY = Path(__file__).resolve().parent.parent

_session = boto3.Session(
    botocore_session=botocore.session.Session(
        {"profile": (None, None, None, None), "config_file": NO_FILE, "credentials_file": NO_FILE}  # whatever the caller's are
    )
)


def is_disconnect(request: Request) -> bool:
    """Whether this is API Gateway invoking a function for `$disconnect`."""
    return request.operation == "Invoke" and request.json["requestContext"]["eventType"] == "DISCONNECT"


def is_queued(request: Request) -> bool:
    """Whether this is API Gateway sending what a route's template made to a queue."""
    return request.service == "sqs" and request.body.startswith(b"Action=SendMessage")


def create_table(dynamodb: Any, name: str, key: str = "connectionId", **more: Any) -> None:
    """A table with a string as its key, billed on demand."""
    attributes = [{"AttributeName": key, "AttributeType": "S"}]
    schema = [{"AttributeName": key, "KeyType": "HASH"}]
    dynamodb.create_table(TableName=name, BillingMode="PAY_PER_REQUEST", AttributeDefinitions=attributes, KeySchema=schema, **more)


@dataclass(frozen=True)
class LocalAws:
    endpoint: str
    faults: FaultProxy
    folder: Path  # for anything that should vanish with this AWS
    key: dict[str, str]  # the root's, and its region, as settings of the environment

    @property
    def environment(self) -> dict[str, str]:
        """What a program needs to take this for AWS; nothing of the caller's own AWS settings is left."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        own = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_EC2_METADATA_DISABLED": "true"}
        return {**kept, **own, **self.key, "AWS_ENDPOINT_URL": self.endpoint, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}

    def client(self, service: str, **options: Any) -> Any:
        """Of boto3, with the root's key; whatever the caller's own settings are."""
        config = Config(proxies={}).merge(options.pop("config", None) or Config())
        keys = {name.lower(): self.key[name] for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")}
        return _session.client(service, **{"config": config, "region_name": REGION, "endpoint_url": self.endpoint, **keys, **options})

    def websocket_url(self, api_id: str, stage: str) -> str:
        return f"{self.endpoint.replace('http', 'ws', 1)}/_aws/execute-api/{api_id}/{stage}"

    @property
    def open_sockets(self) -> int:
        """How many WebSockets are open now, whatever any table says."""
        return (self.folder / "open-sockets").stat().st_size


@contextmanager
def local_aws() -> Iterator[LocalAws]:
    with tempfile.TemporaryFile("w+") as log, FaultProxy() as faults:
        # HOME and the rest stay out: functions inherit this environment.
        key = {"AWS_ACCESS_KEY_ID": f"LOCAL{secrets.token_hex(8).upper()}", "AWS_SECRET_ACCESS_KEY": secrets.token_urlsafe(30)}
        key |= {"AWS_REGION": REGION, "AWS_DEFAULT_REGION": REGION}
        environment = {**key, "PATH": os.environ["PATH"], "TMPDIR": tempfile.gettempdir(), "AWS_EC2_METADATA_DISABLED": "true"}
        command = [sys.executable, "-m", "local.server", faults.url]
        server = leash.start(command, env=environment, cwd=str(REPOSITORY), stdout=subprocess.PIPE, stderr=log)
        try:
            port, _, folder = server.stdout.readline().strip().partition(" ") if server.stdout else ("", "", "")
            if not folder:
                raise RuntimeError("The local AWS did not start; its log follows.")
            faults.target = f"http://127.0.0.1:{port}"
            yield LocalAws(faults.target, faults, Path(folder), key)
        finally:
            faults.clear()
            leash.end(server)
            log.seek(0)
            sys.stderr.write(log.read())  # errors: nothing as a rule
