"""With the permissions of both queues, a caller can move the messages of a dead-letter queue.

MiniStack: The operations are missing.
Source: https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-configure-dead-letter-queue-redrive.html
"""

from __future__ import annotations

import time
import uuid
from typing import Any

from ministack.core.responses import AccountRegionScopedDict
from ministack.services import sqs

from . import replaces
from .permissions import denies

_tasks: Any = AccountRegionScopedDict()  # source's ARN -> its tasks, the latest first


@replaces(sqs, "_dispatch", "6a429fdb61eb")
async def dispatch(original: Any, action: str, data: dict[str, Any], url: str) -> Any:
    handler = {"StartMessageMoveTask": start, "ListMessageMoveTasks": listed}.get(action)
    return handler(data) if handler else await original(action, data, url)


def start(data: dict[str, Any]) -> dict[str, str]:
    """Moves at once, to the destination that must be named, what AWS moves in the background."""
    source, destination = (sqs._queue_by_arn(data.get(name, "")) for name in ("SourceArn", "DestinationArn"))
    if source is None or destination is None:
        raise sqs._Err("ResourceNotFoundException", "The resource that you specified for the ARN parameter doesn't exist.", 404)
    needed = dict.fromkeys(("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"), data["SourceArn"])
    for action, queue in {**needed, "SendMessage": data["DestinationArn"]}.items():
        if denies(f"sqs:{action}", queue):
            raise sqs._Err("AccessDenied", f"Not authorized to perform: sqs:{action} on resource: {queue}", 403)
    moved = [source["messages"].pop(0) for _ in range(len(source["messages"]))]
    for message in moved:
        sqs._act_send_message({"MessageBody": message["body"]}, destination["url"])
    started = {"TaskHandle": uuid.uuid4().hex, "StartedTimestamp": int(time.time() * 1000), "Status": "COMPLETED"}
    task = {**data, **started, "ApproximateNumberOfMessagesMoved": len(moved)}
    _tasks[data["SourceArn"]] = [task, *_tasks.get(data["SourceArn"], [])]
    return {"TaskHandle": task["TaskHandle"]}


def listed(data: dict[str, Any]) -> dict[str, Any]:
    return {"Results": [{k: v for k, v in task.items() if k != "TaskHandle"} for task in _tasks.get(data["SourceArn"], [])][:10]}
