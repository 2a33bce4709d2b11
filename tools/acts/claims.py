"""The claims that acts test, in the order of the report."""

from __future__ import annotations

from dataclasses import dataclass

HELD, BROKEN, UNSEEN = "held", "did not hold", "not observed"

# Why an emulator cannot show a claim.
OURS = "in the emulator this is our own addition"
HARDWARE = "the emulator runs on this machine, not on Lambda"
NO_LIMITS = "the emulator ends no connection by itself"
OWN_ALARMS = "the emulator evaluates alarms in its own way"
NO_ACCESS_NOTED = "the emulator does not record access"

# Why a run did not observe a claim.
LONG_ONLY = "only with LONG=1"
NOT_ASKED_FOR = "examples/complete asks for none of these"
NO_KEY = "a key cannot be deleted at once, and the proof leaves nothing behind"


@dataclass(frozen=True)
class Claim:
    says: str
    emulator: str = ""  # why an emulator cannot show it; "" = it can
    seen: str = "the run ended before"  # until something is seen


CLAIMS = {
    "apply": Claim("it applies, and the second plan is empty"),
    "provider": Claim("AWS provider 6 does the same"),
    "tagged": Claim("every resource that takes tags has those of the run"),
    "served": Claim("the route is served after the apply: the stage is deployed automatically"),
    "delivery": Claim("`$disconnect` comes once for each connection that ends, however it ends"),
    "closed with code 1000": Claim("a close with code 1000 is reported as 1000: `client_closed`"),
    "closed with code 4001": Claim("a close with code 4001 is reported as 4001: `client_closed`"),
    "closed without a code": Claim("a close without a code is reported as 1005: `client_closed`"),
    "navigated away": Claim("a browser that leaves the page is reported as 1001: `navigated_away`"),
    "message too big": Claim("a message over 128 KB is reported as 1009: `message_too_big`"),
    "line cut": Claim("a line that is cut is reported as 1006: `abnormal`", OURS),
    "process killed": Claim("a client whose process is killed is reported as 1006: `abnormal`", OURS),
    "closed by the server": Claim('`DELETE @connections` is reported as 1000 "Connection Closed Normally": `closed_by_server`', OURS),
    "event": Claim("the event says when the connection began, as `$connect` said it, with API, stage and request id"),
    "history": Claim("the history has one item for each ended connection, with the cause that the log line has"),
    "gone": Claim("`@connections` answers 410 for a connection that has ended, and serves one that lives"),
    "system log level": Claim("START, END and REPORT lines are left out as deployed, and written when the level asks for them", OURS),
    "application log level": Claim("level WARN leaves out the function's INFO lines, by the level in each line", OURS),
    "speed": Claim("a `$disconnect` without extras starts and runs faster than one with boto3", HARDWARE),
    "denied": Claim("without the statement `RemoveRecord` of its role a function may not remove a record"),
    "queued": Claim("a removal that fails is queued, and done once it is possible again; nothing ends in the dead-letter queue"),
    "schedule": Claim("EventBridge Scheduler runs the sweep under its own role"),
    "expired": Claim("the sweep removes records older than API Gateway's 2 h limit"),
    "probe": Claim("the sweep asks about silent connections, removes those that are gone and keeps those that live"),
    "refused": Claim("a `$disconnect` that finds no free function is lost: API Gateway does not repeat it", OURS),
    "metrics": Claim("CloudWatch makes metrics of the log lines (EMF): `Closed` by cause has the same counts", OURS),
    "alarm": Claim("an alarm goes off: `disconnect-throttles`", OWN_ALARMS),
    "look at once": Claim("that alarm starts a sweep, which finds the records of events that were just lost", OWN_ALARMS),
    "queue": Claim("with the queue, `$disconnect` reaches SQS, and the record is removed", OURS),
    "queue fields": Claim(
        "with the queue, an event has API, stage, request id, times and address (code and reason are not documented)", OURS
    ),
    "queue storm": Claim("with the queue, no event is lost when many leave while one can be served at a time", OURS),
    "missing data": Claim("`sweep-silent` goes off while no sweep runs, and recovers after the next", OWN_ALARMS),
    "privilege": Claim("the functions use every service that their roles allow (IAM, last accessed)", NO_ACCESS_NOTED),
    "idle": Claim('an idle connection is ended after 10 min, reported as 1001 "Going away": `idle_timeout`', NO_LIMITS),
    "two hours": Claim("a connection is ended after 2 h: `expired`", NO_LIMITS),
    "half-open": Claim("a pulled cable looks alive to `GET @connections`, and is reported within the idle time-out", NO_LIMITS),
    "ttl": Claim("TTL removes what the sweep does not"),
    "keys": Claim("the services use a customer's KMS key", seen=NO_KEY),
    "companies": Claim("the services' own use of a VPC and of X-Ray, and Lambda's check of a signature", seen=NOT_ASKED_FOR),
    "partitions": Claim("in China and GovCloud every disconnect uses boto3"),
    "destroyed": Claim("Terraform removes all of it"),
}

# Claims that need the local AWS's faults, or another stack.
LOCAL_CLAIMS = {
    "fast path": Claim("the fast path asked DynamoDB, without boto3"),
    "lost": Claim("a connection whose `$disconnect` is lost stays in the table"),
    "reported": Claim("a sender reports connections that are gone: their records are removed, and those that live stay"),
}
