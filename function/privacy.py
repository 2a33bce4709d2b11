"""Client details (address, User-Agent, close reason), as far as the setting CLIENT_DETAILS allows.

full: as it is; masked: the network of the address (IPv4 /24, also where 6to4 embeds it in IPv6, else IPv6 /48), the agent's known products,
each once with a short number, a reason only if API Gateway itself writes it; off: nothing. Clients can send anything: product names are
chosen from a fixed list, but the numbers are the client's. Applied once, where details enter, so that log, retry queue and history agree.
"""

from __future__ import annotations

import socket

MODES = ("full", "masked", "off")
LONGEST_AGENT = 256
LONGEST_VERSION = 3  # digits
LONG_VERSIONS = {"CFNetwork", "Unity", "UnityPlayer"}  # have four: CFNetwork/3826, UnityPlayer/2022
SIX_TO_FOUR = b"\x20\x02"  # 2002::/16, then an IPv4 address. NAT64, Teredo and ::ffff:0:0/96 hold theirs beyond the first 48 bits
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
    """`sourceIp` in this mode, or None if there is none to show. Anything but an IP address is never shown."""
    if mode == "off" or not isinstance(value, str):
        return None
    for family, kept, size in ((socket.AF_INET, 3, 4), (socket.AF_INET6, 6, 16)):
        try:
            packed = socket.inet_pton(family, value)
        except (OSError, ValueError):  # ValueError: an embedded null character
            continue
        kept -= size == 16 and packed.startswith(SIX_TO_FOUR)
        return value if mode == "full" else socket.inet_ntop(family, packed[:kept] + bytes(size - kept))
    return None


def agent(value: object, mode: str) -> str | None:
    """`userAgent` in this mode, at most 256 characters. masked keeps each known product once, with its major version."""
    if mode == "off" or not isinstance(value, str) or not value:
        return None
    if mode == "masked":
        products: dict[str, str] = {}
        depth = 0
        for word in value[:1024].split():
            depth += word.count("(")
            name, _, version = word.partition("/")
            if depth == 0 and name in PRODUCTS and name not in products:
                products[name] = _major(version, LONGEST_VERSION + (name in LONG_VERSIONS))
            depth = max(0, depth - word.count(")"))
        value = " ".join(f"{name}/{major}" for name, major in products.items() if major)
    return value[:LONGEST_AGENT].encode(errors="replace").decode() or None


def _major(version: str, longest: int) -> str:
    """`142` of `142.0.7444.60`; empty if it is not a number or too long."""
    major = version.partition(".")[0]
    return major if major.isascii() and major.isdigit() and len(major) <= longest else ""


def reason(value: str | None, mode: str) -> str | None:
    """`disconnectReason` in this mode."""
    return value if mode == "full" or (mode == "masked" and value in REASONS) else None
