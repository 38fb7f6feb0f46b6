"""Holds Tillpost's treatment of personal fields against Meta's own libraries.

In: a binary, a work folder with the libraries, a seed. Out: a matrix of field and oracle, the
classes of difference, and every difference that no class explains. Exit code 1 if there is one, if
a class explains nothing, or if a library does not keep what its own tests expect.
"""

import argparse
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import inputs
import parties
import self_test
from classes import CLASSES, FIELDS, ORACLES, classes_of
from rules import Hints, says_nothing, wire

SEED = 20261121
PER_FIELD = 3000
# Enough to see what is wrong, few enough to read.
SHOWN_MAX = 20


class Tally:
    """What one oracle and Tillpost made of one field."""

    def __init__(self):
        self.counts = Counter()
        self.classes = Counter()
        self.unexplained = []


def judge(cases, ours, theirs, facts):
    """Compares every outcome. Equality is that of what is sent, and of nothing else."""
    tallies = defaultdict(Tally)
    for oracle in ORACLES:
        for case, our, their in zip(cases, ours, theirs[oracle]):
            if case.field == "currency" and not classes_of(oracle, "currency"):
                continue  # the parameter builder has nothing for currencies
            tally = tallies[case.field, oracle]
            tally.counts[kind(our, their)] += 1
            tally.counts["inputs"] += 1
            tally.counts["threw"] += their.how == "throws"
            if our.wire != their.wire:
                explained = explain(case, our, their, oracle, facts)
                tally.classes.update(explained)
                if not explained:
                    tally.unexplained.append((case, our, their))
    return tallies


def kind(our, their):
    if our.wire == their.wire:
        return "equal" if our.wire else "both out"
    if our.wire and their.wire:
        return "differ"
    return "they out" if our.wire else "we out"


def explain(case, our, their, oracle, facts):
    """The smallest set of the oracle's classes with which our rule gives what the oracle gave."""
    hints = Hints(facts, their.wire)
    if wire(case, frozenset(), hints) != our.wire:
        return ()  # not even our own outcome is understood
    on = {known.key for known in classes_of(oracle, case.field)}
    if wire(case, on, hints) != their.wire:
        return ()
    for key in sorted(on):
        if wire(case, on - {key}, hints) == their.wire:
            on.remove(key)
    return tuple(sorted(on))


def dead_classes(tallies, classes=CLASSES):
    """What a class claims for an oracle and a field, and does not explain there even once."""
    return [(known, oracle, field) for known in classes
            for oracle in known.where for field in known.where[oracle].split()
            if not tallies[field, oracle].classes[known.key]]


def not_understood(cases, ours, facts):
    """Where the restated rule and Tillpost differ. A note, not a verdict: either may be wrong."""
    return [(case, our) for case, our in zip(cases, ours)
            if wire(case, frozenset(), Hints(facts)) != our.wire]


def left_out_in_silence(cases, ours):
    """Where a field is missing and no finding says why."""
    return [(case, our) for case, our in zip(cases, ours)
            if our.how == "absent" and not says_nothing(case)]


def print_matrix(tallies):
    columns = ("inputs", "equal", "both out", "we out", "they out", "differ", "threw")
    print(f"{'field':<12}{'oracle':<15}" + "".join(f"{column:>10}" for column in columns)
          + f"{'unexplained':>13}")
    for field in FIELDS:
        for oracle in ORACLES:
            if (field, oracle) in tallies:
                tally = tallies[field, oracle]
                counts = "".join(f"{tally.counts[column]:>10}" for column in columns)
                print(f"{field:<12}{oracle:<15}{counts}{len(tally.unexplained):>13}")
    print("\nequal: both send the same. both out, we out, they out: who leaves the field out.\n"
          "differ: both send something else. threw: the library threw; its caller loses the event.")


def print_classes(tallies):
    print("\nclasses of difference (a difference may have several)\n")
    for known in CLASSES:
        for oracle, fields in known.where.items():
            counts = ", ".join(f"{field} {tallies[field, oracle].classes[known.key]}"
                               for field in fields.split())
            print(f"  {oracle} {known.title}: {counts}")
        print(f"      ours: {known.reason} ({known.rule})")


def print_unexplained(tallies):
    for (field, oracle), tally in tallies.items():
        for case, our, their in tally.unexplained[:SHOWN_MAX]:
            print(f"\nunexplained: {field} {case.text!r:.300} country {case.country}\n"
                  f"  tillpost {shown(our)}\n  {oracle} {shown(their)}")
        more = len(tally.unexplained) - SHOWN_MAX
        if more > 0:
            print(f"\n… and {more} more of {field} and {oracle}")


def shown(outcome):
    clear = f" of {outcome.text!r:.200}" if outcome.text is not None else ""
    return f"{outcome.how} {outcome.wire or ''}{clear}"


def print_shipped(shipped):
    for package, tests in shipped.items():
        if not tests["files"]:
            print(f"{package} ships no tests of normalisation")
            continue
        print(f"{package} ships {tests['files']} files of tests about values: {tests['inputs']} "
              f"inputs joined the run, {tests['expectations']} expectations were judged, "
              f"{len(tests['broken'])} of them the library itself does not keep")
        for broken in tests["broken"][:SHOWN_MAX]:
            print(f"  {broken:.300}")


def print_cases(title, found):
    for case, our in found[:SHOWN_MAX]:
        print(f"{title}: {case.field} {case.text!r:.200} country {case.country}: {shown(our)}")
    if len(found) > SHOWN_MAX:
        print(f"{title}: … and {len(found) - SHOWN_MAX} more")


def summary(tallies, dead, shipped):
    total = sum((tally.counts for tally in tallies.values()), Counter())
    unexplained = sum(len(tally.unexplained) for tally in tallies.values())
    differences = total["we out"] + total["they out"] + total["differ"]
    broken = sum(len(tests["broken"]) for tests in shipped.values())
    print(f"\n{total['inputs']} comparisons: {total['equal'] + total['both out']} agree, "
          f"{differences} differ, {unexplained} of these without a named class; "
          f"{len(CLASSES)} classes, {len(dead)} dead claims")
    return unexplained == 0 and not dead and broken == 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tillpost", required=True)
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--seed", default=SEED, type=int)
    parser.add_argument("--per-field", default=PER_FIELD, type=int)
    parser.add_argument("--self-test", action="store_true")
    return parser.parse_args()


def main():
    given = arguments()
    begun = time.monotonic()
    known, shipped = parties.shipped_inputs(given.work)
    stated = parties.ask_facts(given.work)
    facts = parties.facts_of(stated)
    cases = inputs.cases(given.seed, given.per_field, known + inputs.of_iso(stated))
    theirs = parties.ask_oracles(cases, given.work)
    ours = parties.ask_tillpost(given.tillpost, cases, given.work)
    if given.self_test:
        return self_test.run(cases, ours, theirs, facts, judge, dead_classes)
    tallies = judge(cases, ours, theirs, facts)
    dead = dead_classes(tallies)
    print_shipped(shipped)
    print(f"seed {given.seed}, {len(cases)} inputs\n")
    print_matrix(tallies)
    print_classes(tallies)
    print_unexplained(tallies)
    print_cases("note, not judged: the restated rule says otherwise",
                not_understood(cases, ours, facts))
    silent = left_out_in_silence(cases, ours)
    print_cases("left out without a finding", silent)
    for class_, oracle, field in dead:
        print(f"dead: `{class_.title}` explains nothing of {field} and {oracle}")
    good = summary(tallies, dead, shipped)
    print(f"took {time.monotonic() - begun:.0f} s")
    return good and not silent


if __name__ == "__main__":
    sys.exit(0 if main() else 1)
