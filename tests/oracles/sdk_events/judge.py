"""Posts events of Meta's own SDKs to the sandbox and judges its answers.

In: a binary and the work folder. Out: a line per case that went wrong, and a summary; exit code 1 if
one did. The sandbox is started here on a free port and stopped by its process.
"""

import argparse
import copy
import json
import os
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

HERE = Path(__file__).parent
DATASET, TOKEN = "1234567890", "EAAtoken"
START_SECS_MAX = 10
ALL_EVENTS = "/sandbox/events?limit=10000"


def senders(work):
    return {
        "python-sdk": [work / "venv/bin/python", HERE / "send_python.py"],
        "node-sdk": ["node", HERE / "send_node.js"],
    }


def requests_of(sdk, now):
    """The cases of one SDK with the request that each of them makes."""
    book = json.loads((HERE / "cases.json").read_text())
    for case in book["cases"]:
        if case.get("only", sdk) == sdk:
            events = [described(event, book["bases"], now) for event in case["events"]]
            yield case, {"token": case.get("token", TOKEN), "dataset": case.get("dataset", DATASET),
                         "events": events * case.get("times", 1)}


def described(event, bases, now):
    fields = copy.deepcopy(bases[event["base"]])
    for path, value in event.get("set", {}).items():
        *way, last = path.split(".")
        target = fields
        for step in way:
            target = target[step]
        target[last] = value
    fields = without_nulls(fields)
    fields["event_time"] = now - fields.pop("age_secs")
    return {"fields": fields, "patch": event.get("patch", {})}


def without_nulls(value):
    if not isinstance(value, dict):
        return value
    return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}


def fault(expect, answer):
    """What is wrong with an answer, or None."""
    if "received" in expect:
        return None if answer == expect else f"expected {expect}"
    wanted = {key: expect[key] for key in ("code", "subcode", "status") if key in expect}
    if any(answer.get(key) != value for key, value in wanted.items()):
        return f"expected {wanted}"
    if expect.get("says", "") not in said(answer):
        return f"expected the words {expect['says']}"
    return None


def said(answer):
    body = answer.get("body") or {}
    error = body.get("error", body)
    return " ".join(str(error.get(key, "")) for key in ("message", "error_user_msg"))


def start_sandbox(binary, folder):
    log, verdicts = folder / "sandbox.out", folder / "sandbox.err"
    with log.open("w") as output, verdicts.open("w") as errors:
        sandbox = subprocess.Popen([binary, "sandbox", "--listen", "127.0.0.1:0"],
                                   stdout=output, stderr=errors)
    for _ in range(START_SECS_MAX * 20):
        first = log.read_text().partition("\n")
        if first[1]:
            return sandbox, first[0]
        time.sleep(0.05)
    sandbox.terminate()
    raise SystemExit(f"the sandbox did not start within {START_SECS_MAX} s")


def get(address, path):
    with urllib.request.urlopen(address + path) as answer:
        return json.load(answer)


def ask(command, address, requests, work):
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    environment = {**os.environ, "NODE_PATH": str(work / "node_modules")}
    ran = subprocess.run([*command, address], input=lines, stdout=subprocess.PIPE,
                         encoding="utf-8", check=True, env=environment)
    return [json.loads(line) for line in ran.stdout.split("\n") if line]


def answers_of(sdk, command, address, work):
    """The cases of one SDK with the answers that its caller got."""
    pairs = list(requests_of(sdk, int(time.time())))
    answers = ask(command, address, [request for _, request in pairs], work)
    return [(case, answer) for (case, _), answer in zip(pairs, answers, strict=True)]


def judge(sdk, command, address, work):
    """Runs every case of one SDK; says what went wrong and gives the number of faults."""
    before = get(address, ALL_EVENTS)["received"]
    answered = answers_of(sdk, command, address, work)
    faults = sum(not is_right(sdk, case, answer) for case, answer in answered)
    accepted = sum(answer.get("received", 0) for _, answer in answered)
    arrived = get(address, ALL_EVENTS)["received"] - before
    if arrived != accepted:
        faults += 1
        print(f"wrong: {sdk}: {accepted} events were accepted, {arrived} arrived")
    good = sum("received" in case["expect"] for case, _ in answered)
    broken = sum("code" in case["expect"] for case, _ in answered)
    print(f"{sdk}: {good} good requests, {broken} broken ones, {faults} judged wrong")
    return faults


def is_right(sdk, case, answer):
    if case["expect"].get("open"):
        print(f"open: {sdk}: {case['name']}: {shown(answer)} ({case['source']})")
        return True
    wrong = fault(case["expect"], answer)
    if wrong:
        print(f"wrong: {sdk}: {case['name']}: {wrong} ({case['source']}), got {shown(answer)}")
    return not wrong


def self_test(sdk, command, address, work):
    """Holds every answer against the expectations of all other cases; gives the number missed."""
    answered = [(case["expect"], answer)
                for case, answer in answers_of(sdk, command, address, work)
                if case["expect"].keys() & {"received", "subcode", "status"}]
    planted = [(other, answer) for expect, answer in answered for other, _ in answered
               if codes(other) != codes(expect)]
    missed = sum(fault(other, answer) is None for other, answer in planted)
    print(f"self-test: {sdk}: {len(planted)} wrong expectations planted, {missed} missed")
    return missed if planted else 1


def codes(expect):
    return tuple(expect.get(key) for key in ("received", "code", "subcode", "status"))


def shown(answer):
    codes = {key: value for key, value in answer.items() if key != "body"}
    return f"{codes} {said(answer)}".strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tillpost", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--self-test", action="store_true")
    given = parser.parse_args()
    what = self_test if given.self_test else judge
    sandbox, address = start_sandbox(given.tillpost, given.work)
    try:
        faults = [what(sdk, command, address, given.work)
                  for sdk, command in senders(given.work).items()]
    finally:
        sandbox.terminate()
        sandbox.wait()
    return sum(faults) == 0


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
