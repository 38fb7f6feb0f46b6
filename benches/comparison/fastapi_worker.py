"""Sends what fastapi_sqlite.py stored with Meta's Python SDK: up to a thousand events a request, then marks them."""

import json
import os
import sqlite3
import sys
import time

from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.api import FacebookAdsApi, FacebookSession

from event import event_of

PAUSE_SECONDS = 0.05


def turn(database):
    rows = database.execute(
        "SELECT number, body, at FROM payments WHERE sent = 0 ORDER BY number LIMIT 1000").fetchall()
    if not rows:
        time.sleep(PAUSE_SECONDS)
        return
    events = [event_of(json.loads(body), at) for _, body, at in rows]
    received = EventRequest(pixel_id="1234567890", events=events).execute().events_received
    if received != len(rows):
        raise RuntimeError(f"{received} of {len(rows)} events were received")
    database.execute("BEGIN IMMEDIATE")
    database.executemany("UPDATE payments SET sent = 1 WHERE number = ?", [(number,) for number, _, _ in rows])
    database.execute("COMMIT")


def main():
    FacebookSession.GRAPH = os.environ["META"]
    # Without its reporter of crashes: that one would write to Meta.
    FacebookAdsApi.init(access_token="token", crash_log=False)
    database = sqlite3.connect(os.environ["DATABASE"], timeout=30, isolation_level=None)
    database.execute("PRAGMA synchronous = FULL")
    while True:
        try:
            turn(database)
        except Exception as error:
            print(error, file=sys.stderr)
            time.sleep(1)


main()
