"""Payments from a seed, as a shop's backend would post them to Tillpost.

Every program of the comparison reads the same file: one body a line, with `@ID@` where its payment id
goes. Each has eight personal fields in clear, written as people write them, and three lines of an
order. The values are such that Meta's libraries and Tillpost make the same digests of them, so that
all do the same work; `compare.py` holds them to that before it measures.
"""

import json
import random

PLACE_OF_ID = "@ID@"
USERS = 1_000

FIRST = ["Asha", "Ravi", "Priya", "Mary", "John", "Lakshmi", "Omar", "Chen", "Sara", "Viktor"]
LAST = ["Rao", "Sharma", "Smith", "Iyer", "Khan", "Patel", "Miller", "Wong", "Das", "Novak"]
PLACES = [("Mumbai", "MH", "400001"), ("Pune", "MH", "411001"), ("Chennai", "TN", "600001"),
          ("Jaipur", "RJ", "302001"), ("Kolkata", "WB", "700001"), ("Surat", "GJ", "395001")]
TYPES = ["FIRST_PAYMENT", "SECOND_PAYMENT", "ONE_TIME", "RECURRING"]


def users():
    return [f"user-{number}" for number in range(USERS)]


def payments(count, seed=7):
    """`count` different bodies."""
    chance = random.Random(seed)
    return [payment(chance) for _ in range(count)]


def payment(chance):
    lines = [{"id": f"sku-{chance.randrange(10_000)}", "quantity": chance.randrange(1, 4),
              "item_price": chance.randrange(100, 5_000)} for _ in range(3)]
    value = sum(line["quantity"] * line["item_price"] for line in lines)
    return {
        "user_id": f"user-{chance.randrange(USERS)}", "payment_id": PLACE_OF_ID,
        "type": chance.choice(TYPES), "status": "PAYMENT_COMPLETED", "amount": value, "currency": "INR",
        "user_data": person(chance),
        "event_data": {
            "content_ids": [line["id"] for line in lines], "contents": lines, "content_type": "product",
            "currency": "INR", "value": value, "num_items": sum(line["quantity"] for line in lines),
            "order_id": PLACE_OF_ID,
        },
    }


def person(chance):
    first, last = chance.choice(FIRST), chance.choice(LAST)
    city, state, zip_code = chance.choice(PLACES)
    phone = f"+91 {chance.randrange(70_000, 99_999)} {chance.randrange(100_000):05}"
    return {"email": f"{first}.{last}{chance.randrange(10_000)}@Example.com", "phone": phone,
            "first_name": first, "last_name": last, "city": city, "state": state, "zip": zip_code,
            "country": "IN"}


def line(body):
    return json.dumps(body, separators=(",", ":"))
