"""Turns payments into Meta's JSON with the Python SDK, and says how fast: bytes in, bytes out, no network.

    transform.py FILE SECONDS NOW            prints one line: events, wall_s, cpu_s
    transform.py FILE 0 NOW                  prints the events themselves
"""

import json
import sys
import time

from event import event_of


def transformed(line, now):
    return json.dumps(event_of(json.loads(line), now).normalize())


def measured(lines, seconds, now):
    events, began, cpu = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - began < seconds:
        for line in lines[:500]:
            transformed(line, now)
        lines = lines[500:] + lines[:500]
        events += 500
    return {"events": events, "wall_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu}


def main():
    path, seconds, now = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines()
    if seconds == 0:
        for line in lines:
            print(transformed(line, now))
        return
    measured(lines, 0.7, now)
    print(json.dumps(measured(lines, seconds, now)))


main()
