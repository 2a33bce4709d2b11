"""What no function can go below: a handler that does nothing."""


def lambda_handler(event: object, context: object) -> dict[str, object]:
    return {"statusCode": 200, "body": "disconnected"}
