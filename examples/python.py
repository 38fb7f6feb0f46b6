#!/usr/bin/env python3
"""Signs a customer up and sends one purchase, with Python's standard library alone.

    examples/python.py [ORDER]      TILLPOST_URL and TILLPOST_KEY, or those of `serve --sandbox`

Exits with 0 if the payment is in the books and not blocked, also if it was there before.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("TILLPOST_URL", "http://127.0.0.1:8080")
KEY = os.environ.get("TILLPOST_KEY", "sandbox-server-key")
TRIES = 6


def post(path, body):
    """Status and answer. Waits and sends the same bytes again where that may help."""
    request = urllib.request.Request(
        f"{URL}/api/v1/{path}",
        data=json.dumps(body).encode(),
        headers={"linkrunner-key": KEY, "content-type": "application/json"},
    )
    for attempt in range(TRIES):
        wait = 2**attempt  # 1, 2, 4, 8, 16 seconds
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503):
                return error.code, json.load(error)
            trouble = f"answered {error.code}"
            wait = int(error.headers.get("retry-after", wait))
        except (OSError, ValueError) as error:  # time-out, no connection, half an answer
            trouble = str(error)
        if attempt + 1 < TRIES:
            print(f"{path}: {trouble}; again in {wait} s", file=sys.stderr)
            time.sleep(wait)
    sys.exit(f"{path}: given up: {trouble}")


def main():
    # Both ids are yours. The order's is made before the first try and is the same in each.
    order = sys.argv[1] if len(sys.argv) > 1 else "order-1001"
    customer = "customer-1001"

    person = {"id": customer, "email": "asha@example.com", "phone": "+919876543210"}
    status, answer = post("signup", {"user_data": person})
    if status != 200:
        sys.exit(f"{customer}: not signed up: {answer['msg']}")

    payment = {
        "user_id": customer,
        "payment_id": order,
        "amount": 2000,
        "currency": "INR",
        "event_data": {
            "content_ids": ["sku-1"],
            "contents": [{"id": "sku-1", "quantity": 2, "item_price": 1000}],
            "content_type": "product",
            "value": 2000,
            "num_items": 2,
            "order_id": order,
        },
    }
    status, answer = post("capture-payment", payment)
    data = answer["data"] or {}
    for finding in data.get("findings", []) + data.get("errors", []):
        print(f"  {finding['severity']} {finding['code']}: {finding['says']}")
        if finding["help"]:
            print(f"    help: {finding['help']}")
    if status != 201:
        sys.exit(f"{order}: refused with {status}: {answer['msg']}")
    seen = " (a duplicate: it was recorded before)" if data["duplicate"] else ""
    because = f": {data['because']}" if data["because"] else ""
    print(f"{order}: {data['verdict']}{because}{seen}")
    if not data["recorded"] or data["verdict"] == "block":
        sys.exit(f"{order}: not sent to Meta; `tillpost explain CODE` says more")


main()
