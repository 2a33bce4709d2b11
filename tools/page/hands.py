"""What the page's buttons do: the steps of `make demo`, one at a time. Each returns a sentence with its result."""

from __future__ import annotations

import os
import signal
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.protocol import State

from local.aws import is_disconnect
from local.fault_proxy import Fault
from tools.clients import CONNECTING_AT_ONCE, ENDINGS, Client, ClientProcess
from tools.stack import Stack

from .board import Board

MOST_AT_ONCE = 50
IN_A_PROCESS = 3
TWO_HOURS_AND_MORE_MS = 8_000_000


class OrderError(Exception):
    """The order is invalid, and the text says what is expected; or, with another status, it failed."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


class Hands:
    def __init__(self, stack: Stack, board: Board) -> None:
        self._stack, self._board = stack, board
        self._connections = stack.connections
        self._numbers = count(1)
        self._clients: dict[str, Client] = {}
        self._process: ClientProcess | None = None
        self._faults: dict[str, Fault] = {}
        self._one_at_a_time = threading.Lock()
        self._actions: dict[str, Callable[[dict[str, Any]], str]] = {
            "open": self._open,
            "end": self._end,
            "end-from-server": self._end_from_server,
            "open-process": self._open_process,
            "kill-process": self._kill_process,
            "lose-disconnects": lambda order: self._toggle("lose-disconnects", order, "lambda", "cut", where=is_disconnect),
            "take-dynamodb-away": lambda order: self._toggle("take-dynamodb-away", order, "dynamodb", "InternalServerError"),
            "age": self._age,
            "sweep": self._sweep,
            "broadcast": self._broadcast,
        }
        self._show_progress()

    def do(self, order: dict[str, Any]) -> str:
        """Do it; raises OrderError where `order` lacks something."""
        action = order.get("action")
        if not isinstance(action, str) or action not in self._actions:
            raise OrderError(f"there is no {action!r}; there are {', '.join(self._actions)}")
        with self._one_at_a_time:
            try:
                return self._actions[action](order)
            finally:
                self._show_progress()

    def close(self) -> None:
        """End what is still open."""
        with self._one_at_a_time:
            self._forget_ended()
            for client in self._clients.values():
                client.close()
            if self._process:
                self._process.__exit__(None, None, None)

    def _show_progress(self, doing: str = "") -> None:
        self._forget_ended()
        state = {"clients": list(self._clients), "process": self._process.pid if self._process else None, "faults": list(self._faults)}
        self._board.put("hands", {**state, "ways": list(ENDINGS), "doing": doing})

    def _forget_ended(self) -> None:
        self._clients = {name: client for name, client in self._clients.items() if client.socket.protocol.state is State.OPEN}

    def _open(self, order: dict[str, Any]) -> str:
        number = order.get("count")
        if type(number) is not int or not 1 <= number <= MOST_AT_ONCE:
            raise OrderError(f"count must be a whole number from 1 to {MOST_AT_ONCE}")
        names, refused = [f"client {next(self._numbers)}" for _ in range(number)], Counter[str]()
        self._show_progress(f"0 of {number} connected …")
        with ThreadPoolExecutor(CONNECTING_AT_ONCE) as pool:
            for done, job in enumerate([pool.submit(Client, self._stack.url, name) for name in names], 1):
                try:
                    self._clients[job.result().name] = job.result()
                except InvalidStatus as problem:
                    refused[f"HTTP {problem.response.status_code}"] += 1
                self._show_progress(f"{done - refused.total()} of {number} connected …")
        if refused:
            said = f"{number - refused.total()} connected, {refused.total()} refused: $connect failed ({', '.join(refused)})"
            raise OrderError(said, 502)
        return f"{number} connected"

    def _end(self, order: dict[str, Any]) -> str:
        how, everybody = order.get("how"), order.get("all") is True
        if not isinstance(how, str) or how not in ENDINGS:
            raise OrderError(f"how must be one of {', '.join(ENDINGS)}")
        self._forget_ended()
        ending = list(self._clients.values())[: None if everybody else 1]
        if not ending:
            raise OrderError("no client is open: connect some first")
        for number, client in enumerate(ending, 1):
            ENDINGS[how](client)
            self._show_progress(f"{number} of {len(ending)} ended …")
        return f"{', '.join(client.name for client in ending)}: {how}"

    def _end_from_server(self, order: dict[str, Any]) -> str:
        connection_id = order.get("connectionId")
        if not isinstance(connection_id, str) or not connection_id:
            raise OrderError("connectionId must be a string")
        try:
            self._connections.delete_connection(ConnectionId=connection_id)
        except self._connections.exceptions.GoneException:
            return f"{connection_id}: API Gateway answered 410: it is already gone"
        return f"{connection_id}: closed by the server"

    def _open_process(self, order: dict[str, Any]) -> str:
        if self._process:
            raise OrderError(f"process {self._process.pid} is running: kill it first")
        names = [f"process {next(self._numbers)}" for _ in range(IN_A_PROCESS)]
        self._process = ClientProcess(self._stack.url, names)
        return f"process {self._process.pid} holds {IN_A_PROCESS} connections"

    def _kill_process(self, order: dict[str, Any]) -> str:
        if not self._process:
            raise OrderError("no process is running: start one first")
        process, self._process = self._process, None
        with suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.__exit__(None, None, None)
        return f"process {process.pid} was killed"

    def _toggle(self, name: str, order: dict[str, Any], service: str, what: str, **details: Any) -> str:
        if not isinstance(order.get("on"), bool):
            raise OrderError("on must be true or false")
        fault = self._faults.pop(name, None)
        if fault:
            fault.withdraw()
        if not order["on"]:
            return f"that is over: {fault.hits if fault else 0} calls met it"
        self._faults[name] = self._stack.aws.faults.fail(service, what, **details)
        return "from now on"

    def _age(self, order: dict[str, Any]) -> str:
        """What is dead will be two hours old one day; the page need not wait for it."""
        dead = [record for record in self._stack.records() if not self._lives(record["connectionId"]["S"])]
        self._stack.age([record for record in dead if "connectedAt" in record], TWO_HOURS_AND_MORE_MS)
        return f"{len(dead)} records of ended connections are now older than two hours"

    def _lives(self, connection_id: str) -> bool:
        try:
            self._connections.get_connection(ConnectionId=connection_id)
        except self._connections.exceptions.GoneException:
            return False
        return True

    def _sweep(self, order: dict[str, Any]) -> str:
        self._stack.sweep()
        return "the clean-up function was invoked with the schedule's input; its log line shows the result"

    def _broadcast(self, order: dict[str, Any]) -> str:
        """Post to everybody who is in the table, which is what the table is for."""
        reached, gone = 0, 0
        for record in self._stack.records():
            try:
                self._connections.post_to_connection(ConnectionId=record["connectionId"]["S"], Data=b"hello, everybody")
                reached += 1
            except self._connections.exceptions.GoneException:
                gone += 1
        self._forget_ended()
        for client in self._clients.values():
            with suppress(TimeoutError, ConnectionClosed):  # else what nobody reads would fill its buffer
                client.socket.recv(timeout=1)
        return f"{reached} reached" + (f", {gone} are in the table and gone (410)" if gone else ", nobody in the table is gone")
