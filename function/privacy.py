"""What a client says of itself (address, User-Agent, the reason it closes with), as much of it as the setting CLIENT_DETAILS lets through.

full: as it is; masked: the network of the address (IPv4 /24, IPv6 /48), the agent's products with their major versions as far as both are
known kinds of thing, a reason only if API Gateway itself is known to write it; off: nothing. A client writes what it likes, names and
numbers too, so what is masked is chosen from closed lists. Applied once, where the details enter, so that log, retry queue and history
can't differ.
"""

from __future__ import annotations

import socket

MODES = ("full", "masked", "off")
LONGEST_AGENT = 256
LONGEST_VERSION = 4  # digits: CFNetwork is at 1410
# Browsers, apps that hold one, and the libraries that open WebSockets.
PRODUCTS = {
    "AppleWebKit", "Chrome", "Chromium", "CriOS", "Edg", "EdgA", "EdgiOS", "Electron", "Firefox", "FxiOS", "Gecko",
    "HeadlessChrome", "KAKAOTALK", "Mozilla", "NAVER", "OPR", "Safari", "SamsungBrowser", "Version", "Vivaldi", "Whale",
    "YaBrowser", "Apache-HttpClient", "CFNetwork", "Dalvik", "Dart", "Darwin", "Go-http-client", "Java", "Java-http-client",
    "PostmanRuntime", "Python", "ReactorNetty", "Unity", "UnityPlayer", "aiohttp", "axios", "curl", "k6", "node", "okhttp",
    "python-requests", "undici", "websocket-client", "websockets", "wget",
}  # fmt: skip
# What API Gateway itself writes.
REASONS = ("", "Client-side close frame status not set", "Connection Closed Normally", "Going away", "Message too long")


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
    """`userAgent` under the mode, at most 256 characters; masked keeps its known products with their major versions."""
    if mode == "off" or not isinstance(value, str) or not value:
        return None
    if mode == "masked":
        words, depth = [], 0
        for word in value[:1024].split():
            depth += word.count("(")
            if depth == 0:
                words.append(_product(word))
            depth = max(0, depth - word.count(")"))
        value = " ".join(filter(None, words))
    return value[:LONGEST_AGENT].encode(errors="replace").decode() or None


def _product(word: str) -> str:
    """`Chrome/142` of `Chrome/142.0.7444.60`; nothing of what is no known product with a number."""
    name, _, version = word.partition("/")
    major = version.partition(".")[0]
    return f"{name}/{major}" if name in PRODUCTS and major.isascii() and major.isdigit() and len(major) <= LONGEST_VERSION else ""


def reason(value: str | None, mode: str) -> str | None:
    """`disconnectReason` under the mode: the client's own words, if it gave some."""
    return value if mode == "full" or (mode == "masked" and value in REASONS) else None
