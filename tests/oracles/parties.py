"""Asks everybody what they make of the cases: Tillpost by its command line, Meta's libraries.

Each is one process over all cases. What comes back is an `Outcome` per case, in their order.
"""

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from classes import BUILDER, FIELDS, NODE, PYTHON
from rules import Facts, name_key

HERE = Path(__file__).parent
MAPPING = 'version=1\n[defaults]\ndataset="storefront"\n[payments]\nDEFAULT="Purchase"\n'
# The day on which Tillpost decides; clock.js stops the Node libraries' clocks at the same one.
NOW = "2026-11-21T00:00:00Z"
# Keeps the event from being blocked as too thin, whatever becomes of the field.
FBP = "fb.1.1700000000000.42"
# Tillpost sends the user's id as an external_id besides; this one is told apart and taken off.
USER_ID = "the-user-id-of-every-payment"
USER_ID_DIGEST = hashlib.sha256(USER_ID.encode()).hexdigest()
REFUSED = "U301"
# No code of ISO 4217, too long for a text, left out, or one that Meta does not take.
CURRENCY_REFUSED = ("P110", "P109", "E203", "E242")


@dataclass(frozen=True)
class Outcome:
    """What one party made of one case."""
    wire: str | None
    how: str = "sent"
    text: str | None = None


def ask_tillpost(binary, cases, folder):
    mapping, payments = folder / "mapping.toml", folder / "payments.ndjson"
    mapping.write_text(MAPPING)
    payments.write_text("".join(json.dumps(payment(case)) + "\n" for case in cases))
    command = [binary, "decide", "--mapping", mapping, "--at", NOW, "--format", "json", payments]
    # Its code is 1 when some payment has an error, as some must here.
    ran = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    lines = lines_of(ran.stdout)
    if ran.returncode not in (0, 1) or len(lines) != len(cases):
        raise SystemExit(f"tillpost decided {len(lines)} of {len(cases)} payments:\n{ran.stderr}")
    return [tillposts_outcome(case, json.loads(line)) for case, line in zip(cases, lines)]


def payment(case):
    user = {"fbp": FBP}
    if case.field != "currency":
        user[case.field] = case.text
    if case.country:
        user["country"] = case.country
    currency = case.text if case.field == "currency" else "USD"
    return {"user_id": USER_ID, "amount": 5, "currency": currency, "user_data": user}


def tillposts_outcome(case, decided):
    if case.field == "currency":
        return currency_outcome(case, decided)
    [event] = decided["events"]
    values = event["event"]["user_data"].get(case.field, [])
    if case.field == "external_id":
        values = [value for value in values if value != USER_ID_DIGEST]
    reasons = [finding["says"] for finding in decided["findings"] if finding["code"] == REFUSED]
    if values:
        [value] = values
        return Outcome(value)
    return Outcome(None, "refused", reasons[0]) if reasons else Outcome(None, "absent")


def currency_outcome(case, decided):
    if decided.get("events"):
        return Outcome(decided["events"][0]["event"]["custom_data"]["currency"])
    errors = [finding for finding in decided["findings"] if finding["severity"] == "error"]
    if not errors or any(finding["code"] not in CURRENCY_REFUSED for finding in errors):
        raise SystemExit(f"a currency was refused for another reason: {case}, {errors}")
    return Outcome(None, "refused", errors[0]["says"])


def ask_oracles(cases, work):
    """The outcomes of each oracle."""
    answers = {
        PYTHON: run(python_oracle(work), cases, work),
        NODE: run(["node", HERE / "oracle_node_sdk.js"], cases, work),
        BUILDER: run(["node", HERE / "oracle_param_builder.js"], cases, work),
    }
    return {oracle: [outcome(json.loads(line)) for line in lines]
            for oracle, lines in answers.items()}


def python_oracle(work):
    return [work / "venv/bin/python", HERE / "oracle_python_sdk.py"]


def run(command, cases, work):
    questions = "".join(json.dumps({"field": case.field, "text": case.text}) + "\n"
                        for case in cases)
    # The builder prints to stderr what it cannot read; the answer says it as well.
    ran = subprocess.run(command, input=questions, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, encoding="utf-8", check=True, env=node_path(work))
    return lines_of(ran.stdout)


def lines_of(text):
    """Not splitlines(): JSON may hold U+2028 and its like unescaped."""
    return text.removesuffix("\n").split("\n")


def node_path(work):
    return {**os.environ, "NODE_PATH": str(work / "node_modules")}


def outcome(answer):
    if "throws" in answer:
        return Outcome(None, "throws", answer["throws"])
    if "nothing" in answer:
        return Outcome(None, "nothing")
    return Outcome(answer["wire"], "sent", answer.get("text"))


def ask_facts(work):
    ran = subprocess.run([*python_oracle(work), "facts"], stdout=subprocess.PIPE, encoding="utf-8",
                         check=True)
    return json.loads(ran.stdout)


def facts_of(stated):
    short, other = (
        {name_key(name.lower()): code.lower() for code, name in stated[kind]}
        for kind in ("short_names", "other_names"))
    return Facts(
        alpha_2=frozenset(code.lower() for code in stated["alpha_2"]),
        alpha_3={three.lower(): two.lower() for three, two in stated["alpha_3"]},
        short_names=short,
        names=other | short,
        currencies=frozenset(stated["currencies"]),
    )


def shipped_inputs(work):
    """What the packages' own tests hand to their normalisers, and how those tests fared."""
    ran = subprocess.run(["node", HERE / "shipped_tests.js"], stdout=subprocess.PIPE, encoding="utf-8",
                         check=True, env=node_path(work))
    *lines, last = (json.loads(line) for line in lines_of(ran.stdout))
    known = [(line["field"], line["text"]) for line in lines if line["field"] in FIELDS]
    return known, {**last["summary"], "facebook-business": python_tests(work)}


def python_tests(work):
    """The PyPI package ships tests; whether any is about server events is looked up, not assumed."""
    [package] = work.glob("venv/lib/python3*/site-packages/facebook_business")
    files = [path for path in package.glob("test/*.py") if "serverside" in path.read_text()]
    return {"files": len(files), "inputs": 0, "expectations": 0, "broken": []}
