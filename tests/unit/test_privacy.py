"""How much of the client's address and User-Agent each setting lets out."""

from __future__ import annotations

import ipaddress
import re

import privacy
import pytest
from hypothesis import given
from hypothesis import strategies as st

CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.7444.60 Safari/537.36"


@pytest.mark.parametrize(
    ("address", "masked"),
    [
        ("203.0.113.24", "203.0.113.0"),
        ("255.255.255.255", "255.255.255.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("2001:DB8::1f", "2001:db8::"),
        ("::ffff:203.0.113.24", "::"),
        ("::1", "::"),
        ("2002:cb00:7118:1::1", "2002:cb00:7100::"),  # 6to4 of 203.0.113.24
        ("64:ff9b::203.0.113.24", "64:ff9b::"),
        ("64:ff9b:1:cb00:71:1800::", "64:ff9b:1::"),
        ("2001:0:4136:e378:8000:63bf:34ff:8ee7", "2001:0:4136::"),  # Teredo: of the server's address, not the client's
    ],
)
def test_a_masked_address_is_its_network(address: str, masked: str) -> None:
    assert privacy.address(address, "masked") == masked
    assert privacy.address(address, "full") == address
    assert privacy.address(address, "off") is None


@given(st.ip_addresses())
def test_all_addresses_of_a_network_look_the_same(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    kept = 24 if address.version == 4 else 40 if address.sixtofour else 48
    network = ipaddress.ip_network((address, kept), strict=False)
    shown = privacy.address(str(address), "masked")
    assert shown == privacy.address(str(network[-1]), "masked")
    assert ipaddress.ip_address(shown or "") == network[0]


NO_TEXTS: list[object] = [None, 7, ["203.0.113.24"], {"userAgent": CHROME}]
NO_ADDRESSES = ["", "kim@example.com", "203.0.113", "203.0.113.24\x00", "203.0.113.24, 10.0.0.1", "fe80::1%eth0", "\ud800", "999.1.1.1"]


@pytest.mark.parametrize("mode", privacy.MODES)
def test_what_is_no_address_or_no_text_is_never_shown(mode: str) -> None:
    assert [privacy.address(value, mode) for value in NO_ADDRESSES + NO_TEXTS] == [None] * (len(NO_ADDRESSES) + len(NO_TEXTS))
    assert [privacy.agent(value, mode) for value in NO_TEXTS] == [None] * len(NO_TEXTS)


@pytest.mark.parametrize(
    ("agent", "masked"),
    [
        (CHROME, "Mozilla/5 AppleWebKit/537 Chrome/142 Safari/537"),
        ("Amazon CloudFront", None),
        ("curl/8.5.0", "curl/8"),
        ("Dart/3.9 (dart:io)", "Dart/3"),
        ("Python/3.13 websockets/15.0.1", "Python/3 websockets/15"),
        ("curl/8.2 (a (b; c) Kim) node/2.3", "curl/8 node/2"),
        ("curl/8.2 ((Kim) Kim) node/2.3", "curl/8 node/2"),
        ("curl/8.2 (Kim", "curl/8"),
        ("curl/8.2) (Kim; x) node/2.3", "curl/8 node/2"),
        ("curl/8.2 ))) (Kim; x) node/2.3", "curl/8 node/2"),
        ("curl/8.2(Kim) node/2.3", "node/2"),
        ("(Kim)", None),
        ("", None),
        ("   ", None),
        ("CFNetwork/3826.500.131 Darwin/24.5.0", "CFNetwork/3826 Darwin/24"),
        ("curl/821 curl/012 curl/345 node/678", "curl/821 node/678"),
    ],
)
def test_a_masked_agent_is_its_products_with_major_versions(agent: str, masked: str | None) -> None:
    assert privacy.agent(agent, "masked") == masked
    assert privacy.agent(agent, "full") == (agent or None)
    assert privacy.agent(agent, "off") is None


UNKNOWN_PRODUCTS = ["device/3f2504e0-4f89-11d3-9a0c", "user/a@example.com", "203.0.113.24/x", "Ann/5", "/142"]
NO_SHORT_VERSIONS = ["", "/", "/ann", "/ann.0", "/5ann", "/821012345678", "/4917", "/١٤٢", "//142", "/-1"]


@pytest.mark.parametrize("agent", [*UNKNOWN_PRODUCTS, *(f"Chrome{version}" for version in NO_SHORT_VERSIONS)])
def test_only_known_products_with_short_versions_are_shown(agent: str) -> None:
    assert privacy.agent(agent, "masked") is None


WORD = st.text("ACdhrome1234567890./()-@ ", max_size=12) | st.sampled_from(["Chrome/142.0", "Chrome/", "curl/8"])


@given(st.lists(WORD, max_size=8))
def test_a_masked_agent_is_made_of_known_names_and_short_numbers(words: list[str]) -> None:
    for word in (privacy.agent("".join(words), "masked") or "").split():
        name, version = word.split("/")
        assert name in privacy.PRODUCTS
        assert re.fullmatch("[0-9]{1,4}" if name in privacy.LONG_VERSIONS else "[0-9]{1,3}", version)


def test_the_reason_that_a_client_writes_is_shown_only_in_full() -> None:
    assert [privacy.reason("Kim went home", mode) for mode in privacy.MODES] == ["Kim went home", None, None]
    assert [privacy.reason("Going away", mode) for mode in privacy.MODES] == ["Going away", "Going away", None]  # API Gateway's own


def test_an_agent_of_many_words_is_short() -> None:
    assert privacy.agent("k6/1 " * 5_000, "masked") == "k6/1"
    assert len(privacy.agent(" ".join(f"{name}/999" for name in privacy.PRODUCTS), "masked") or "") == 256
    assert len(privacy.agent("x" * 5_000, "full") or "") == 256
