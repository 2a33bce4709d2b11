"""The client's address and User-Agent, as much of them as the setting CLIENT_DETAILS lets out of the event.

full: as they are; masked: the network of the address (IPv4 /24, IPv6 /48) and the products of the agent with their major versions;
off: nothing. Applied once, where the details enter, so that log, retry queue and history can't differ.
"""

from __future__ import annotations

import socket

MODES = ("full", "masked", "off")
LONGEST_AGENT = 256


def address(value: object, mode: str) -> str | None:
    """`sourceIp` under the mode, or None when there is none to show; what is not an IP address is never shown."""
    if mode == "off" or not isinstance(value, str):
        return None
    for family, kept, size in ((socket.AF_INET, 3, 4), (socket.AF_INET6, 6, 16)):
        try:
            packed = socket.inet_pton(family, value)
        except (OSError, ValueError):  # ValueError: an embedded null character
            continue
        return value if mode == "full" else socket.inet_ntop(family, packed[:kept] + bytes(size - kept))
    return None


def agent(value: object, mode: str) -> str | None:
    """`userAgent` under the mode, at most 256 characters; masked keeps its products with their major versions."""
    if mode == "off" or not isinstance(value, str) or not value:
        return None
    if mode == "masked":
        words, depth = [], 0
        for word in value[:1024].split():
            depth += word.count("(")
            if depth == 0 and "/" in word:
                product, _, version = word.partition("/")
                words.append(f"{product}/{version.partition('.')[0]}")
            depth = max(0, depth - word.count(")"))
        value = " ".join(words)
    return value[:LONGEST_AGENT].encode(errors="replace").decode() or None
