"""What a generator cannot know: the token of an app, the name of the project, how long money is."""

import schemathesis

TOKEN = "fuzz-client-token"
PROJECT = "shop"


def of_app(path):
    return path.startswith("/api/client/")


@schemathesis.hook
def map_body(context, body):
    if not isinstance(body, dict):
        return body
    body = dict(body)
    if of_app(context.operation.path) and "token" in body:
        body["token"] = TOKEN
    # More than 18 digits are refused (P104), which a schema cannot say.
    if isinstance(body.get("amount"), float):
        body["amount"] = max(round(body["amount"] % 1_000_000, 2), 0.01)
    data = body.get("event_data")
    if isinstance(data, dict) and isinstance(data.get("value"), float):
        body["event_data"] = {**data, "value": round(data["value"], 2)}
    return body


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.operation.path == "/admin/v1/replay" and isinstance(case.body, dict):
        if isinstance(case.body.get("project"), str):
            case.body["project"] = PROJECT
        # To a schema 7.0 is a whole number; the place of a page is written without a point.
        if isinstance(case.body.get("after"), float):
            case.body["after"] = int(case.body["after"])


@schemathesis.serializer("application/x-ndjson")
def lines(context, value):
    return value if isinstance(value, bytes) else str(value).encode("utf-8", errors="replace")
