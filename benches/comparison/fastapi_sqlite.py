"""The plain service in Python: FastAPI answers after SQLite has synced the payment. fastapi_worker.py sends."""

import json
import os
import sqlite3
import threading
from typing import Annotated

from fastapi import FastAPI, Header, HTTPException
from pydantic import BaseModel, Field

KEY = os.environ["KEY"]

held = threading.local()


def database():
    """The connection of this thread."""
    if not hasattr(held, "database"):
        held.database = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
        held.database.execute("PRAGMA synchronous = FULL")
    return held.database


database().executescript("""
    PRAGMA journal_mode = WAL;
    CREATE TABLE IF NOT EXISTS payments (
        number INTEGER PRIMARY KEY, type TEXT NOT NULL, payment_id TEXT NOT NULL, body TEXT NOT NULL,
        at INTEGER NOT NULL DEFAULT (unixepoch()),
        sent INTEGER NOT NULL DEFAULT 0, UNIQUE (type, payment_id));
    CREATE INDEX IF NOT EXISTS unsent ON payments (number) WHERE sent = 0;
""")
app = FastAPI()


class Payment(BaseModel):
    user_id: str
    payment_id: str
    type: str = "DEFAULT"
    status: str = "PAYMENT_COMPLETED"
    amount: float = Field(ge=0)
    currency: str | None = None
    user_data: dict = {}
    event_data: dict = {}


# A plain `def`, which FastAPI runs in its pool of threads: so its documentation wants calls that block.
@app.post("/capture-payment", status_code=201)
def capture(payment: Payment, linkrunner_key: Annotated[str | None, Header()] = None):
    if linkrunner_key != KEY:
        raise HTTPException(401, "wrong key")
    added = database().execute(
        "INSERT INTO payments (type, payment_id, body) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
        (payment.type, payment.payment_id, json.dumps(payment.model_dump())))
    return {"msg": "Payment captured", "status": 201, "duplicate": added.rowcount == 0}
