"""Authorizer of `$connect`: admits whoever has a token signed with this secret, and tells `$connect` who that is.

A token is CLIENT.EXPIRES.SIGNATURE: the client's name in base64url, epoch seconds, HMAC-SHA256 in hex. It comes in the query string, since
browsers send no headers of one's own with a WebSocket. Yours verifies what your sign-in issues, for example a JWT.
"""

from __future__ import annotations

import base64
import hmac
import os
import time
from typing import Any


def sign(secret: str, client_id: str, expires: int) -> str:
    """The token that whoever has signed the client in hands to it; keep `expires` (epoch s) within minutes."""
    claim = f"{base64.urlsafe_b64encode(client_id.encode()).decode()}.{expires}"
    return f"{claim}.{hmac.new(secret.encode(), claim.encode(), 'sha256').hexdigest()}"


def verified(secret: str, token: str) -> str:
    """The client's name; raises ValueError unless the token is signed with the secret and has not expired."""
    name, expires, _ = token.split(".")
    client_id = base64.urlsafe_b64decode(name).decode()
    if not hmac.compare_digest(sign(secret, client_id, int(expires)).encode(), token.encode()) or int(expires) < time.time():
        raise ValueError("not signed with this secret, or expired")
    return client_id


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    try:
        client_id = verified(os.environ["TOKEN_SECRET"], (event.get("queryStringParameters") or {})["token"])
    except (KeyError, ValueError):
        return answer(event, "Deny", "nobody")  # 403
    return answer(event, "Allow", client_id)


def answer(event: dict[str, Any], effect: str, client_id: str) -> dict[str, Any]:
    statement = {"Action": "execute-api:Invoke", "Effect": effect, "Resource": event["methodArn"]}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    return {"principalId": client_id, "policyDocument": policy, "context": {"clientId": client_id}}
