"""Processes and what they cost: starting and ending them, their processor time and memory, the disk's syncs."""

import json
import os
import pathlib
import signal
import socket
import subprocess
import time
import urllib.request

TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Processes:
    """Everything that one round starts; leaving it ends them, whatever happened."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self._all = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self._all):
            process.send_signal(signal.SIGTERM)
        for process in reversed(self._all):
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def start(self, name, command, environment=None, stdout=subprocess.DEVNULL):
        with open(self.folder / f"{name}.log", "ab") as log:
            process = subprocess.Popen(
                [str(word) for word in command], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=stdout,
                stderr=log, env=os.environ | {name: str(value) for name, value in (environment or {}).items()})
        self._all.append(process)
        return process


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until_open(port, process, seconds=45):
    """Until somebody listens there; says so if the process ended instead."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"a service ended by itself with {process.returncode}: {process.args}")
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"nobody listens on port {port}: {process.args}")


def get_json(url):
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def post_json(url, body, headers):
    request = urllib.request.Request(url, json.dumps(body).encode(), headers | {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def cpu_seconds(processes):
    """Processor time of these processes so far, in user and kernel."""
    ticks = 0
    for process in processes:
        # The name in parentheses may hold blanks; behind it the 12th and 13th fields are the times.
        fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS_A_SECOND


def peak_mib(processes):
    """The most memory that each of them had at once, added up."""
    kib = 0
    for process in processes:
        status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
        kib += int(status.partition("VmHWM:")[2].split()[0])
    return kib / 1024


def busy_cores_elsewhere(seconds=1.0):
    """How many cores others use while nothing of ours runs."""
    def busy():
        fields = [int(field) for field in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        return sum(fields[:3]) + sum(fields[5:8])
    before = busy()
    time.sleep(seconds)
    return (busy() - before) / TICKS_A_SECOND / seconds


def fdatasync_micros(folder, times=400):
    """The median of an append of 4 KiB with its sync, in the folder where the services write."""
    path, micros = pathlib.Path(folder) / "sync-probe", []
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            began = time.perf_counter()
            file.write(b"\0" * 4096)
            os.fdatasync(file.fileno())
            micros.append((time.perf_counter() - began) * 1e6)
    path.unlink()
    return sorted(micros)[times // 2]
