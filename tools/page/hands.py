"""What the page's buttons do. Each returns a sentence with its result."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from local.aws import is_disconnect
from local.fault_proxy import Fault
from tools.acts.sweeping import TWO_HOURS_AND_MORE_MS
from tools.clients import CONNECTING_AT_ONCE, ENDINGS, Client, ClientProcess
from tools.stack import Stack

MOST_AT_ONCE = 50
IN_A_PROCESS = 3
FAULTS: dict[str, dict[str, Any]] = {
    "lose-disconnects": {"service": "lambda", "what": "cut", "where": is_disconnect},
    "take-dynamodb-away": {"service": "dynamodb", "what": "InternalServerError"},
}


class OrderError(Exception):
    """The order cannot be carried out, and the text says why."""


class Hands:
    def __init__(self, stack: Stack) -> None:
        self._stack = stack
        self._numbers = count(1)
        self._clients: list[Client] = []
        self._process: ClientProcess | None = None
        self._faults: dict[str, Fault] = {}
        self._one_at_a_time = threading.Lock()

    def do(self, order: dict[str, Any]) -> str:
        """Raises OrderError, or what a missing or senseless value raises. An action is a fault, or has a method below."""
        with self._one_at_a_time:
            action = order["action"]
            method = self._toggle if action in FAULTS else getattr(self, f"do_{action.replace('-', '_')}")
            return str(method(order))

    def state(self) -> dict[str, Any]:
        """What the page shows of them."""
        clients, process = len(self._open_clients()), self._process is not None
        return {"clients": clients, "process": process, "faults": list(self._faults), "ways": list(ENDINGS)}

    def close(self) -> None:
        """End what is still open."""
        with self._one_at_a_time:
            for client in self._open_clients():
                client.close()
            if self._process:
                with self._process:
                    self._process.kill()

    def _open_clients(self) -> list[Client]:
        return [client for client in self._clients if client.socket.protocol.state is State.OPEN]

    def do_open(self, order: dict[str, Any]) -> str:
        number = order["count"]
        if number not in range(1, MOST_AT_ONCE + 1):
            raise OrderError(f"count must be a whole number from 1 to {MOST_AT_ONCE}")
        names, refused = [f"client {next(self._numbers)}" for _ in range(number)], Counter[str]()
        with ThreadPoolExecutor(CONNECTING_AT_ONCE) as pool:
            for job in [pool.submit(Client, self._stack.url, name) for name in names]:
                try:
                    self._clients.append(job.result())
                except InvalidStatus as problem:
                    refused[f"HTTP {problem.response.status_code}"] += 1
        if refused:
            raise OrderError(f"{number - refused.total()} connected, {refused.total()} refused: $connect failed ({', '.join(refused)})")
        return f"{number} connected"

    def do_end(self, order: dict[str, Any]) -> str:
        how = order["how"]
        ending = self._open_clients()[: None if order.get("all") is True else 1]
        if not ending:
            raise OrderError("no client is open: connect some first")
        for client in ending:
            ENDINGS[how](client)
        return f"{', '.join(client.name for client in ending)}: {how}"

    def do_end_from_server(self, order: dict[str, Any]) -> str:
        connection_id = order["connectionId"]
        status = self._stack.ask("delete_connection", connection_id)
        return f"{connection_id}: {'closed by the server' if status < 400 else f'not closed, API Gateway answered {status}'}"

    def do_open_process(self, order: dict[str, Any]) -> str:
        if self._process:
            raise OrderError(f"process {self._process.pid} is running: kill it first")
        self._process = ClientProcess(self._stack.url, [f"process {next(self._numbers)}" for _ in range(IN_A_PROCESS)])
        return f"process {self._process.pid} holds {IN_A_PROCESS} connections"

    def do_kill_process(self, order: dict[str, Any]) -> str:
        if not self._process:
            raise OrderError("no process is running: start one first")
        process, self._process = self._process, None
        with process:
            process.kill()
        return f"process {process.pid} was killed"

    def _toggle(self, order: dict[str, Any]) -> str:
        name = order["action"]
        fault = self._faults.pop(name, None)
        if fault:
            fault.withdraw()
        if not order["on"]:
            return f"it is off; failed calls: {fault.hits if fault else 0}"
        self._faults[name] = self._stack.aws.faults.fail(**FAULTS[name])
        return "it is on from now"

    def do_age(self, order: dict[str, Any]) -> str:
        """So that nobody has to wait two hours for records to expire."""
        dead = [record for record in self._stack.records() if self._stack.ask("get_connection", record["connectionId"]["S"]) == 410]
        self._stack.age([record for record in dead if "connectedAt" in record], TWO_HOURS_AND_MORE_MS)
        return f"{len(dead)} records of ended connections are now older than two hours"

    def do_sweep(self, order: dict[str, Any]) -> str:
        self._stack.sweep()
        return "the clean-up function was invoked with the schedule's input; its log line shows the result"

    def do_broadcast(self, order: dict[str, Any]) -> str:
        """Post to every connection in the table."""
        ids = [record["connectionId"]["S"] for record in self._stack.records()]
        answers = Counter(self._stack.ask("post_to_connection", connection_id, Data=b"hello, everybody") for connection_id in ids)
        for client in self._open_clients():
            with suppress(TimeoutError, ConnectionClosed):  # messages that nobody reads would fill its buffer
                client.socket.recv(timeout=1)
        return f"{answers[200]} reached, {answers[410] or 'none'} in the table but gone (410)"
