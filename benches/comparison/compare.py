"""Measures Tillpost beside Meta's SDKs and beside the services that a team would write instead.

Called by `run`, which installs what it needs; docs/comparison.md says what the figures mean. Rounds are
interleaved (A B C, A B C, …), so that whatever else the machine does meets all alike; a ratio is taken
within a round, and the median over the rounds is reported. The whole run is bounded.
"""

import argparse
import json
import os
import pathlib
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import measuring
import payments
from contestants import KEY, Tools, contestants

CONNECTIONS = 64
WARM_UP_SECONDS = 1
# How long a service may go on delivering after the last answer.
DRAIN_SECONDS = 4
BODIES = 5_000
AGREEING = 200

# Which lines of a benchmark make "bytes in, event out with eight fields hashed", the best first.
# The second hashes no fields: it stands in until the first is there.
BENCHES = [
    ("engine", ["decide_bytes_to_frozen_event/3", "normalise_and_hash_8_fields"]),
    ("check", ["decide_one_line"]),
]
NANOS = {"ns": 1.0, "µs": 1e3, "us": 1e3, "ms": 1e6, "s": 1e9}


def main():
    options = read_options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tools = options.tools
    # Before the clock runs: building takes minutes.
    bench = None if options.no_cargo else find_bench(tools)
    with tempfile.TemporaryDirectory(prefix="round-", dir=tools.work) as folder:
        folder = pathlib.Path(folder)
        bodies = folder / "bodies"
        bodies.write_text("".join(payments.line(body) + "\n" for body in payments.payments(BODIES)))
        report = {"machine": machine(tools, folder), "rounds_asked": options.rounds}
        until = time.monotonic() + options.budget
        report["same_events"] = check_that_all_agree(tools, folder)
        report["transform"] = compare_transforms(options, bench, folder, until)
        report["service"] = compare_services(options, folder, bodies, until)
    report["busy_cores_elsewhere_after"] = round(measuring.busy_cores_elsewhere(), 2)
    report["tillpost_is_times"] = medians_of_ratios(report)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=2) + "\n")
    print_report(report)


def read_options():
    parser = argparse.ArgumentParser(prog="benches/comparison/run")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of each (5)")
    parser.add_argument("--seconds", type=float, default=3, help="how long one is measured (3)")
    parser.add_argument("--budget", type=float, default=350, help="no round begins that may not end within so many seconds (350)")
    parser.add_argument("--json", metavar="FILE", help="also writes every figure of every round")
    parser.add_argument("--no-cargo", action="store_true", help="leaves Tillpost's `cargo bench` out")
    parser.add_argument("--only", metavar="NAMES", help="only these services, with commas")
    options = parser.parse_args()
    here = pathlib.Path(__file__).resolve().parent
    named = {name: os.environ[name] for name in ("WORK", "TILLPOST", "WRK", "REDIS_SERVER", "NODE")}
    options.tools = Tools(here, here.parent.parent, pathlib.Path(named["WORK"]), named["TILLPOST"], named["WRK"],
                          named["REDIS_SERVER"], named["NODE"])
    known = [one.name for one in contestants()]
    wanted = options.only.split(",") if options.only else known
    if set(wanted) - set(known):
        parser.error(f"--only knows {', '.join(known)}")
    options.contestants = [one for one in contestants() if one.name in wanted]
    return options


def machine(tools, folder):
    def told(*command):
        # Some programs end with 1 after saying their version.
        return subprocess.run([str(word) for word in command], capture_output=True, text=True).stdout.strip()
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    libraries = json.loads((tools.here / "package.json").read_text())["dependencies"]
    wanted = (tools.here / "requirements.txt").read_text()
    for name in ("facebook-business", "fastapi", "uvicorn"):
        libraries[name] = re.search(rf"^{name}==(\S+)", wanted, re.MULTILINE)[1]
    return {
        "processor": processor[1] if processor else "unknown", "cores": os.cpu_count(),
        "linux": os.uname().release, "tillpost": told(tools.tillpost, "--version"),
        "node": told(tools.node, "--version"), "python": told(tools.python, "--version"),
        "redis": told(tools.redis_server, "--version").split(" sha=")[0],
        "wrk": "wrk " + told(tools.wrk, "--version").split()[1],
        "libraries": libraries, "fdatasync_p50_us": round(measuring.fdatasync_micros(folder)),
        "busy_cores_elsewhere": round(measuring.busy_cores_elsewhere(), 2),
    }


# ---- The same work -------------------------------------------------------------------------------

def check_that_all_agree(tools, folder):
    """Meta's SDKs and Tillpost make the same events of the same payments, or nothing is measured."""
    now, file = int(time.time()), folder / "agreeing"
    lines = [payments.line(body) for body in payments.payments(AGREEING)]
    file.write_text("".join(line.replace(payments.PLACE_OF_ID, f"pay-{at}") + "\n" for at, line in enumerate(lines)))
    decided = output([tools.tillpost, "decide", "--mapping", tools.root / "mappings" / "commerce.toml",
                      "--at", now, "--format", "json", file])
    ours = [decision["events"][0]["event"] for decision in decided]
    said = [decision["findings"] for decision in decided if decision["findings"]]
    if said:
        raise SystemExit(f"comparison: the payments should leave nothing to say: {said[0]}")
    for name, command in transforms(tools).items():
        theirs = output([*command, file, 0, now], environment(tools))
        for our, their in zip(ours, theirs, strict=True):
            if comparable(our) != comparable(their):
                raise SystemExit(f"comparison: {name} makes another event of a payment:\n{our}\n{their}")
    return len(ours)


def comparable(event):
    """Without the id of the person, which the SDKs send as it is; the Python SDK writes `inr`."""
    event = json.loads(json.dumps(event))
    event["user_data"].pop("external_id")
    event["custom_data"]["currency"] = event["custom_data"]["currency"].upper()
    return event


def transforms(tools):
    return {"node_sdk": [tools.node, tools.here / "transform.js"],
            "python_sdk": [tools.python, tools.here / "transform.py"]}


def environment(tools):
    return {name: str(value) for name, value in tools.node_environment().items()}


def output(command, more=None):
    ended = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120,
                           env=os.environ | (more or {}) | {"PYTHONDONTWRITEBYTECODE": "1"})
    if ended.returncode != 0:
        raise SystemExit(f"comparison: {command[0]} failed:\n{ended.stderr[-2000:]}")
    return [json.loads(line) for line in ended.stdout.splitlines()]


# ---- One event on one core -----------------------------------------------------------------------

def compare_transforms(options, bench, folder, until):
    """Events a second of one core: the SDKs by their processor time, Tillpost by its own benchmark."""
    tools, file = options.tools, folder / "numbered"
    lines = (payments.line(body) for body in payments.payments(BODIES))
    file.write_text("".join(line.replace(payments.PLACE_OF_ID, f"pay-{at:08x}") + "\n" for at, line in enumerate(lines)))
    figures = {name: [] for name in ["tillpost", *transforms(tools)]}
    for number in range(options.rounds):
        if time.monotonic() > until:
            break
        note(f"one event on one core, round {number + 1}")
        if bench:
            figures["tillpost"].append(run_bench(bench))
        for name, command in transforms(tools).items():
            one = output([*on_one_core(), *command, file, min(options.seconds, 2), int(time.time())], environment(tools))[0]
            figures[name].append(one["events"] / one["cpu_s"])
    return {"unit": "events a second of one core", "tillpost_is": bench and bench["name"], "rounds": figures}


def on_one_core():
    return ["taskset", "-c", "0"] if shutil.which("taskset") else []


def find_bench(tools):
    """The first benchmark of BENCHES that this tree has, built."""
    for name, rows in BENCHES:
        built = os.environ.get(f"BENCH_{name.upper()}")
        if not built and (tools.root / "benches" / f"{name}.rs").exists():
            if not shutil.which("cargo"):
                raise SystemExit("comparison: cargo is missing; --no-cargo leaves Tillpost's own benchmark out")
            note(f"building `cargo bench --bench {name}`")
            told = subprocess.run(
                ["cargo", "bench", "--locked", "--bench", name, "--no-run", "--message-format=json"], cwd=tools.root,
                capture_output=True, text=True)
            if told.returncode != 0:
                raise SystemExit(f"comparison: the benchmark cannot be built:\n{told.stderr[-2000:]}")
            artefacts = (json.loads(line) for line in told.stdout.splitlines() if line.startswith("{"))
            built = next(one["executable"] for one in artefacts
                         if one.get("executable") and one["target"]["name"] == name)
        if built:
            return {"name": f"cargo bench --bench {name}: " + " + ".join(rows), "program": built, "rows": rows}
    return None


def run_bench(bench):
    """Events a second, from the medians of the benchmark's lines added up."""
    names = [row.split("/")[0] for row in bench["rows"]]
    told = subprocess.run([*on_one_core(), bench["program"], "--bench", *names], capture_output=True, text=True,
                          timeout=60, cwd=pathlib.Path(__file__).parent)
    medians = read_divan(told.stdout)
    missing = [row for row in bench["rows"] if row not in medians]
    if missing:
        raise SystemExit(f"comparison: the benchmark prints no {missing}:\n{told.stdout[-2000:]}{told.stderr[-2000:]}")
    return 1e9 / sum(medians[row] for row in bench["rows"])


def read_divan(text):
    """Divan's table as nanoseconds: the median by name, or by name/argument."""
    medians, parent = {}, ""
    for line in text.splitlines():
        row = re.match(r"(?P<indent>[│ ]*)[├╰]─ (?P<name>\S+)(?P<rest>.*)", line)
        if not row:
            continue
        if row["indent"]:
            name = f"{parent}/{row['name']}"
        else:
            parent = name = row["name"]
        cells = [cell.strip() for cell in row["rest"].split("│")]
        median = re.fullmatch(r"([\d.]+) (ns|µs|us|ms|s)", cells[2]) if len(cells) > 2 else None
        if median:
            medians[name] = float(median[1]) * NANOS[median[2]]
    return medians


# ---- Whole services ------------------------------------------------------------------------------

def compare_services(options, folder, bodies, until):
    rounds, longest = {one.name: [] for one in options.contestants}, 0
    for number in range(options.rounds):
        began = time.monotonic()
        if began + longest > until:
            note(f"no time is left for another round after {number}")
            break
        try:
            figures = {one.name: serve_and_load(options, one, folder, bodies, number) for one in options.contestants}
        except RuntimeError as error:
            # A machine too busy to start a service, or to get one answer, in time. Whole rounds count, and only they.
            note(f"round {number + 1} is left out: {error}")
            continue
        for name, one in figures.items():
            rounds[name].append(one)
        longest = max(longest, time.monotonic() - began)
    if not any(rounds.values()):
        raise SystemExit("comparison: no round came to its end")
    return {"connections": CONNECTIONS, "seconds": options.seconds, "rounds": rounds}


def serve_and_load(options, contestant, folder, bodies, number):
    """One round of one contestant, in a folder and with a stand-in of its own."""
    note(f"{contestant.title}, round {number + 1}")
    tools, folder = options.tools, folder / f"{contestant.name}-{number}"
    folder.mkdir()
    with measuring.Processes(folder) as processes:
        meta_port = measuring.free_port()
        meta = processes.start("meta", [tools.node, tools.here / "meta.js"], {"PORT": meta_port})
        measuring.wait_until_open(meta_port, meta)
        meta_url = f"http://127.0.0.1:{meta_port}"
        service = contestant.start(tools, processes, meta_url)
        load(tools, service, bodies, WARM_UP_SECONDS, "warm-")
        settle(service, meta_url)
        cpu, recorded, delivered = measuring.cpu_seconds(service.processes), service.recorded(), events_at(meta_url)
        began = time.monotonic()
        loaded = load(tools, service, bodies, options.seconds, "pay-")
        loaded["delivered_per_second"] = (events_at(meta_url) - delivered) / (time.monotonic() - began)
        if not loaded["answers"]:
            raise RuntimeError(f"{contestant.title} gave no answer")
        settle(service, meta_url)
        recorded = service.recorded() - recorded
        # The generator hangs up at the end; what was under way then may be recorded.
        if not loaded["answers"] <= recorded <= loaded["answers"] + 2 * CONNECTIONS:
            raise SystemExit(f"comparison: {contestant.title} answered {loaded['answers']} and recorded {recorded}")
        return loaded | {
            "answers_per_second": loaded["answers"] / loaded["seconds"],
            "delivered_share": (events_at(meta_url) - delivered) / recorded,
            "cpu_us_per_payment": (measuring.cpu_seconds(service.processes) - cpu) * 1e6 / recorded,
            "peak_mib": measuring.peak_mib(service.processes),
        }


def events_at(meta_url):
    return measuring.get_json(meta_url)["events"]


def load(tools, service, bodies, seconds, prefix):
    """One run of the generator. An answer that is no 2xx, or a broken connection, ends the comparison."""
    began = os.times()
    told = subprocess.run(
        [tools.wrk, "--threads", "1", "--connections", str(CONNECTIONS), "--duration", f"{seconds:.0f}s", "--timeout",
         "10s", "--script", str(tools.here / "load.lua"), f"http://127.0.0.1:{service.port}", "--", str(bodies),
         service.path, KEY, prefix], capture_output=True, text=True, timeout=seconds + 30)
    ended = os.times()
    if told.returncode != 0 or "{" not in told.stdout:
        raise SystemExit(f"comparison: the generator failed: {told.stdout[-500:]}{told.stderr[-500:]}")
    figures = json.loads(told.stdout[told.stdout.rindex("{"):])
    if figures["refused"] or figures["broken"]:
        raise SystemExit(f"comparison: not every payment was taken: {figures}")
    spent = ended.children_user + ended.children_system - began.children_user - began.children_system
    return figures | {"generator_cores": spent / figures["seconds"]}


def settle(service, meta_url):
    """Until all is delivered, or the time for that is over."""
    until = time.monotonic() + DRAIN_SECONDS
    while events_at(meta_url) < service.recorded() and time.monotonic() < until:
        time.sleep(0.1)


# ---- The report ----------------------------------------------------------------------------------

def note(text):
    print(f"  {text}", file=sys.stderr, flush=True)


def spread(values, digits=0):
    if not values:
        return "-"
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:,.{digits}f} ({low:,.{digits}f}–{high:,.{digits}f})"


def ratio(ours, theirs):
    """How many times theirs ours is, within each round."""
    return spread([our / their for our, their in zip(ours, theirs)], 1)


def medians_of_ratios(report):
    """How many times the others Tillpost is, for programs: what the table says to people."""
    def median(ours, theirs):
        return round(statistics.median(our / their for our, their in zip(ours, theirs)), 2) if ours and theirs else None
    def of(name, key):
        return [one[key] for one in services[name]]
    events, services = report["transform"]["rounds"], report["service"]["rounds"]
    ratios = {name: {"events_per_second": median(events["tillpost"], events[name])} for name in events}
    if "tillpost" in services:
        ratios |= {name: {
            "answers_per_second": median(of("tillpost", "answers_per_second"), of(name, "answers_per_second")),
            "cpu_per_payment": median(of(name, "cpu_us_per_payment"), of("tillpost", "cpu_us_per_payment")),
        } for name in services}
    ratios.pop("tillpost")
    return ratios


def print_report(report):
    told = report["machine"]
    print(f"{told['processor']}, {told['cores']} cores, Linux {told['linux']}; {told['tillpost']}, Node {told['node']}, "
          f"{told['python']}, {told['redis']}, {told['wrk']}")
    print("  " + ", ".join(f"{name} {version}" for name, version in told["libraries"].items()))
    print(f"  this disk: {told['fdatasync_p50_us']} µs an fdatasync (median); others use "
          f"{told['busy_cores_elsewhere']} cores before, {report['busy_cores_elsewhere_after']} after")
    print(f"  median (lowest–highest) of the rounds; {report['same_events']} payments gave the same events everywhere\n")
    print_transforms(report["transform"])
    print_services(report["service"])


def print_transforms(part):
    rounds, titles = part["rounds"], {"tillpost": "Tillpost", "node_sdk": "Node SDK", "python_sdk": "Python SDK"}
    print(f"one event: JSON in, eight fields hashed, Meta's JSON out\n  {'':<49}{'events/s of a core':<29}Tillpost is … times that")
    for name, values in rounds.items():
        times_that = "" if name == "tillpost" else ratio(rounds["tillpost"], values)
        print(f"  {titles[name]:<49}{spread(values):<29}{times_that}")
    print(f"  Tillpost: {part['tillpost_is'] or 'not measured'} (medians); the SDKs by their processor time\n")


def print_services(part):
    rounds, of = part["rounds"], {one.name: one.title for one in contestants()}
    ours = rounds.get("tillpost", [])
    columns = [("p50 ms", "p50_ms", 1), ("p99 ms", "p99_ms", 1), ("delivered/s", "delivered_per_second", 0),
               ("of all", "delivered_share", 2), ("CPU µs", "cpu_us_per_payment", 0), ("MiB", "peak_mib", 0)]
    print(f"a service: {part['connections']} connections, one payment a request, all sent on to a stand-in for Meta at the same time")
    print(f"  {'':<49}{'answers/s':<27}" + "".join(f"{title:>12}" for title, _, _ in columns)
          + "   Tillpost is … times: in answers/s, in CPU a payment")
    for name, figures in rounds.items():
        cells = "".join(f"{middle(figures, key):>12,.{digits}f}" for _, key, digits in columns)
        print(f"  {of[name]:<49}{spread([one['answers_per_second'] for one in figures]):<27}{cells}   "
              + ("" if name == "tillpost" else times(ours, figures)))
    most = max((one["generator_cores"] for figures in rounds.values() for one in figures), default=0)
    print("  answers/s and ratios: median (lowest–highest) of the rounds; the other columns: median. delivered/s: while posting; "
          f"of all: delivered {DRAIN_SECONDS} s later.\n  The generator used at most {most:.2f} of a core")


def middle(figures, key):
    return statistics.median(one[key] for one in figures) if figures else float("nan")


def times(ours, theirs):
    def of(figures, key):
        return [one[key] for one in figures]
    rate, cost = "answers_per_second", "cpu_us_per_payment"
    return f"{ratio(of(ours, rate), of(theirs, rate))}, {ratio(of(theirs, cost), of(ours, cost))}"


main()
