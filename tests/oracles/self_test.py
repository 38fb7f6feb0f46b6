"""Plants mistakes and proves that the differential test sees them.

Each plant changes one outcome of Tillpost, or of a library, in memory and judges that case again.
A plant that is called equal or explained fails the self-test: then a class is too wide.
"""

from dataclasses import replace

from classes import BUILDER, CLASSES, FIELDS, NODE, ORACLES, PYTHON, Class
from parties import Outcome
from rules import sha256

# Plants per field and kind; the first of them are the fixed seeds, the nastiest.
PLANTS_MAX = 150


def run(cases, ours, theirs, facts, judge, dead_classes):
    """Whether every plant was caught; says how many there were."""
    missed = []
    counts = {}
    for name, plant in PLANTS.items():
        planted = list(plants(plant, cases, ours, theirs))
        counts[name] = len(planted)
        missed += [(name, case, our) for case, our, answers in planted
                   if not caught(case, our, answers, facts, judge)]
    missed += dead_class_missed(cases, ours, theirs, facts, judge, dead_classes)
    for name, count in counts.items():
        print(f"planted {count:>5}: {name}")
    for what in missed[:20]:
        print(f"missed: {what}")
    print(f"self-test: {sum(counts.values())} plants, {len(missed)} missed")
    return not missed and all(counts.values())


def plants(plant, cases, ours, theirs):
    left = dict.fromkeys(FIELDS, PLANTS_MAX)
    for at, case in enumerate(cases):
        answers = {oracle: theirs[oracle][at] for oracle in ORACLES}
        wrong = plant(case, ours[at], answers) if left[case.field] else None
        if wrong:
            left[case.field] -= 1
            yield case, *wrong


def caught(case, our, answers, facts, judge):
    """Every library that differs from the planted outcome must differ without an explanation."""
    tallies = judge([case], [our], {oracle: [answers[oracle]] for oracle in ORACLES}, facts)
    agreeing = ("equal", "both out")
    differing = [tally for tally in tallies.values()
                 if not any(tally.counts[kind] for kind in agreeing)]
    return bool(differing) and all(tally.unexplained for tally in differing)


def another_digest(case, our, answers):
    """A digest of ours is that of another text."""
    if our.wire and case.field != "currency":
        return replace(our, wire=sha256("planted")), answers
    return None


def another_persons_value(case, our, answers):
    """A digest of ours is one digit off; a currency is another one."""
    if not our.wire:
        return None
    wrong = "XCD" if case.field == "currency" else our.wire[:-1] + ("0" if our.wire[-1] != "0" else "1")
    return (replace(our, wire=wrong), answers) if wrong != our.wire else None


def refused_without_need(case, our, answers):
    """A value that we and a library send alike is refused by us."""
    if our.wire and any(answer.wire == our.wire for answer in answers.values()):
        return Outcome(None, "refused", "planted"), answers
    return None


def sent_in_clear(case, our, answers):
    """A value is sent as it came in; only a library that does so, too, would agree."""
    clear = case.text.strip().lower()
    alone = all(answer.wire not in (clear, case.text) for answer in answers.values())
    if our.wire and clear and our.wire != clear and alone and case.field != "currency":
        return replace(our, wire=clear), answers
    return None


def follows_the_builder(_case, our, answers):
    """We do what the parameter builder does, where the two SDKs agree with our rule."""
    builder = answers[BUILDER].wire
    agreed = our.wire is not None and our.wire == answers[NODE].wire == answers[PYTHON].wire
    return (replace(our, wire=builder), answers) if agreed and builder != our.wire else None


def a_library_changes(_case, our, answers):
    """A new release of a library gives another digest where it agreed with us."""
    for oracle in ORACLES:
        if our.wire and answers[oracle].wire == our.wire:
            changed = replace(answers[oracle], wire=sha256("new release"))
            return our, {other: changed if other == oracle else replace(changed, wire=our.wire)
                         for other in ORACLES}
    return None


PLANTS = {what.__doc__.rstrip("."): what for what in (
    another_digest, another_persons_value, refused_without_need, sent_in_clear,
    follows_the_builder, a_library_changes)}


def dead_class_missed(cases, ours, theirs, facts, judge, dead_classes):
    """A class that explains nothing must be called dead."""
    idle = Class("idle", "does nothing", {NODE: "em"}, "planted", "planted")
    few = [at for at, case in enumerate(cases) if case.field == "em"][:PLANTS_MAX]
    tallies = judge([cases[at] for at in few], [ours[at] for at in few],
                    {oracle: [theirs[oracle][at] for at in few] for oracle in ORACLES}, facts)
    dead = dead_classes(tallies, (*CLASSES, idle))
    return [] if (idle, NODE, "em") in dead else [("an idle class", None, None)]
