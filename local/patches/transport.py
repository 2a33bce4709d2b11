"""Policies that require TLS (aws:SecureTransport) are satisfied by https.

MiniStack: Everything here is unencrypted loopback, which stands for https. Not for upstream.
Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html#condition-keys-securetransport
"""

from __future__ import annotations

from ministack.core import iam_evaluator

from . import replaces

_pin = iam_evaluator.pin_request_origin


@replaces(iam_evaluator, "pin_request_origin", "de819c1bd9ac")
def pin_request_origin(source_ip: str, secure_transport: bool) -> None:
    _pin(source_ip, secure_transport=True)
