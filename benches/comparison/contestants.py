"""Who takes payments in the comparison, how each is started, and how its books are read.

A contestant's `start` gives a `Running`; all listen on the loopback, on free ports, with an empty store
in the folder of the round.
"""

import json
import sqlite3
import subprocess
from dataclasses import dataclass
from typing import Callable

from measuring import free_port, get_json, post_json, wait_until_open
from payments import users

KEY = "comparison-key"


@dataclass
class Running:
    port: int
    path: str
    processes: list
    recorded: Callable[[], int]


@dataclass
class Contestant:
    name: str
    title: str
    start: Callable


@dataclass
class Tools:
    """Where things are on this machine."""
    here: object
    root: object
    work: object
    tillpost: str
    wrk: str
    redis_server: str
    node: str

    @property
    def python(self):
        return self.work / "venv" / "bin" / "python"

    def node_environment(self):
        return {"NODE_PATH": self.work / "node_modules", "NODE_ENV": "production", "KEY": KEY}


def contestants():
    return [
        Contestant("tillpost", "Tillpost", tillpost),
        Contestant("express_bullmq", "Express + BullMQ, Redis as it comes",
                   lambda *of: express_bullmq(*of, redis=[])),
        Contestant("express_bullmq_always", "Express + BullMQ, Redis with appendfsync always",
                   lambda *of: express_bullmq(*of, redis=["--appendonly", "yes", "--appendfsync", "always"])),
        Contestant("express_sqlite", "Express + SQLite as a queue, synced", express_sqlite),
        Contestant("fastapi_sqlite", "FastAPI + SQLite as a queue, synced", fastapi_sqlite),
    ]


def tillpost(tools, processes, meta):
    """With the shipped mapping file and its defaults; a thousand users are signed up first."""
    (processes.folder / "tillpost.toml").write_text(f"""
[http]
listen       = "127.0.0.1:0"
admin_listen = "127.0.0.1:0"

[store]
url = "sqlite:tillpost.db"

[[projects]]
name       = "shop"
server_key = {{ env = "KEY" }}
mapping    = "{tools.root / 'mappings' / 'commerce.toml'}"

[datasets.storefront]
id           = "1234567890"
access_token = {{ env = "TOKEN" }}
endpoint     = "{meta}"
""")
    process = processes.start(
        "tillpost", [tools.tillpost, "serve", "--config", "tillpost.toml", "--format", "json", "--log", "warn"],
        {"KEY": KEY, "TOKEN": "token"}, stdout=subprocess.PIPE)
    ready = json.loads(process.stdout.readline() or "{}")
    if "api" not in ready:
        raise RuntimeError(f"Tillpost did not start; see {processes.folder / 'tillpost.log'}")
    api, admin = address(ready["api"]), address(ready["admin"])
    for user in users():
        known = {"user_data": {"id": user, "is_first_time_user": False}}
        post_json(f"{api}/api/v1/signup", known, {"linkrunner-key": KEY})
    return Running(int(api.rpartition(":")[2]), "/api/v1/capture-payment", [process],
                   lambda: get_json(f"{admin}/admin/v1/books")["recorded"])


def address(told):
    return told if told.startswith("http") else f"http://{told}"


def express_bullmq(tools, processes, meta, redis):
    redis_port, port = free_port(), free_port()
    server = processes.start("redis", [
        tools.redis_server, "--bind", "127.0.0.1", "--port", redis_port, "--dir", processes.folder, *redis])
    wait_until_open(redis_port, server)
    environment = tools.node_environment() | {"PORT": port, "REDIS_PORT": redis_port, "META": meta}
    api = processes.start("api", [tools.node, tools.here / "express_bullmq.js"], environment)
    worker = processes.start("worker", [tools.node, tools.here / "bullmq_worker.js"], environment)
    wait_until_open(port, api)
    return Running(port, "/capture-payment", [server, api, worker],
                   lambda: get_json(f"http://127.0.0.1:{port}/count"))


def express_sqlite(tools, processes, meta):
    port, database = free_port(), processes.folder / "payments.db"
    environment = tools.node_environment() | {"PORT": port, "DATABASE": database, "META": meta}
    api = processes.start("api", [tools.node, tools.here / "express_sqlite.js"], environment)
    wait_until_open(port, api)
    worker = processes.start("worker", [tools.node, tools.here / "sqlite_worker.js"], environment)
    return Running(port, "/capture-payment", [api, worker], lambda: rows(database))


def fastapi_sqlite(tools, processes, meta):
    port, database = free_port(), processes.folder / "payments.db"
    environment = {"KEY": KEY, "DATABASE": database, "META": meta, "PYTHONPATH": tools.here,
                   "PYTHONDONTWRITEBYTECODE": 1}
    api = processes.start("api", [
        tools.python, "-m", "uvicorn", "fastapi_sqlite:app", "--host", "127.0.0.1", "--port", port,
        "--no-access-log", "--log-level", "warning"], environment)
    wait_until_open(port, api)
    worker = processes.start("worker", [tools.python, tools.here / "fastapi_worker.py"], environment)
    return Running(port, "/capture-payment", [api, worker], lambda: rows(database))


def rows(database):
    with sqlite3.connect(f"file:{database}?mode=ro", uri=True) as books:
        return books.execute("SELECT count(*) FROM payments").fetchone()[0]
