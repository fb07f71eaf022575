"""Waiting for many jobs: CPU, memory, loop stalls and calls per waiting job, every contestant in a process of its own.

Run: ``python benchmarks/waiting.py [N …]`` (default 100 1000; 10000 takes minutes for those that poll one by one). A
control plane on loopback, in another process, answers both Mantle's paths and Bedrock's after a latency. Contestants
are our trigger, the same trigger with one poll each (as it was before it shared a poller), and the Amazon provider's
``BedrockCustomizeModelCompletedTrigger``. That one needs aiobotocore, which pulls boto3 down: it runs in a virtual
environment of its own, made by uv with the same Airflow and provider, and kept in ``--amazon-venv`` if that is given.
One trigger runs first, unmeasured: it loads the libraries, once per process. Then all start at once, as after a
restart of the triggerer, with the same pause between two polls.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

LATENCY_SECONDS = 0.05
POLL_SECONDS = 3.0
N_ROUNDS = 4
USUAL_POLL_SECONDS = 120.0
BEAT_SECONDS = 0.01
CREATED_AT = 1_760_000_000
PAGE = 100
CONTESTANTS = ["shared", "one-poll-each", "amazon"]


def job_of(number: int) -> dict[str, object]:
    """A running job as Mantle shows it."""
    grader = {"type": "lambda", "lambda": {"function": "arn:aws:lambda:us-west-2:123456789012:function:grader:1"}}
    return {
        "id": f"ftjob-{number:06d}",
        "object": "fine_tuning.job",
        "status": "running",
        "created_at": CREATED_AT + number,
        "model": "openai.gpt-oss-20b",
        "training_file": "file-1",
        "method": {"type": "reinforcement", "reinforcement": {"grader": grader, "hyperparameters": {"n_epochs": 2}}},
    }


class ControlPlane(asyncio.Protocol):
    """Just enough HTTP for GET requests."""

    n_jobs = 0
    n_calls = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the connection."""
        self._transport: Any = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request after the latency."""
        *heads, self._buffer = (self._buffer + data).split(b"\r\n\r\n")
        for head in heads:
            path = head.split(b" ", 2)[1].decode()
            body = json.dumps(self._answer(path)).encode()
            asyncio.get_running_loop().call_later(LATENCY_SECONDS, self._send, body)

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        if not self._transport.is_closing():
            self._transport.write(head + body)

    def _answer(self, path: str) -> object:
        place, _, query = path.partition("?")
        cls = type(self)
        if place.startswith("/reset/"):
            cls.n_jobs, cls.n_calls = int(place.rsplit("/", 1)[1]), 0
            return {}
        if place == "/calls":
            return {"calls": cls.n_calls}
        cls.n_calls += 1
        last = unquote(place.rsplit("/", 1)[1])
        if last == "jobs":
            return self._page(query)
        if last == "events":
            return {"object": "list", "data": [], "has_more": False}
        if "model-customization-jobs" in place:
            return {"jobArn": last, "jobName": last, "status": "InProgress"}
        return job_of(int(last.rsplit("-", 1)[1]))

    def _page(self, query: str) -> object:
        after = [part.partition("=")[2] for part in query.split("&") if part.startswith("after=")]
        newest = int(after[0].rsplit("-", 1)[1]) - 1 if after else self.n_jobs - 1
        oldest = max(-1, newest - PAGE)
        return {"object": "list", "data": [job_of(n) for n in range(newest, oldest, -1)], "has_more": oldest >= 0}


async def serve() -> None:
    """Serve until the parent ends this process."""
    server = await asyncio.get_running_loop().create_server(ControlPlane, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def triggers_of(contestant: str, n: int) -> list[Any]:
    """The triggers of one contestant, not yet running."""
    if contestant == "amazon":
        from airflow.providers.amazon.aws.triggers.bedrock import BedrockCustomizeModelCompletedTrigger

        pause = int(POLL_SECONDS)
        return [
            BedrockCustomizeModelCompletedTrigger(job_name=f"ftjob-{i:06d}", waiter_delay=pause, aws_conn_id="bench")
            for i in range(n)
        ]
    from airflow_provider_bedrock_rft.triggers.waiting import BedrockRftWaitTrigger

    class OnePollEach(BedrockRftWaitTrigger):
        """As the trigger was: a look per pause, in a thread."""

        async def run(self) -> AsyncIterator[Any]:
            watch = self._new_watch()
            while isinstance(found := await asyncio.to_thread(watch.look), float):  # noqa: ASYNC110 -- what is measured
                await asyncio.sleep(found)
            yield found

    cls = BedrockRftWaitTrigger if contestant == "shared" else OnePollEach
    plan = {"kind": "rft.wait_plan", "version": 1, "created_at": CREATED_AT, "deadline_at": 4e9}
    plan |= {"min_poll_seconds": POLL_SECONDS, "max_poll_seconds": POLL_SECONDS}
    return [cls(plan={**plan, "job_id": f"ftjob-{i:06d}"}, aws_conn_id="bench") for i in range(n)]


async def hold(triggers: list[Any], url: str, n_first_calls: int) -> dict[str, float]:
    """Let all run together for a while, once they have made their first calls: a slow set-up is not cut short."""
    stalls = [0.0]

    async def beat() -> None:
        while True:
            start = time.perf_counter()
            await asyncio.sleep(BEAT_SECONDS)
            stalls.append(time.perf_counter() - start - BEAT_SECONDS)

    first = asyncio.create_task(anext(triggers[0].run()))
    while await calls_at(url) < 2:  # noqa: ASYNC110 -- in another process
        await asyncio.sleep(POLL_SECONDS)
    first.cancel()
    heart = asyncio.create_task(beat())
    memory, cpu, calls = rss_kb(), time.process_time(), await calls_at(url)
    tasks = [asyncio.create_task(anext(trigger.run())) for trigger in triggers[1:]]
    await asyncio.sleep(POLL_SECONDS)
    while await calls_at(url) < calls + n_first_calls:  # noqa: ASYNC110 -- in another process
        await asyncio.sleep(POLL_SECONDS / 10)
    setup, calls, start = time.process_time() - cpu, await calls_at(url), time.perf_counter()
    cpu = time.process_time()
    await asyncio.sleep(POLL_SECONDS * N_ROUNDS)
    elapsed = time.perf_counter() - start
    n_rounds = elapsed / POLL_SECONDS
    found = {
        "setup_cpu_ms_per_job": setup * 1000 / len(triggers),
        "rss_kb_per_job": (rss_kb() - memory) / len(triggers),
        "longest_stall_s": max(stalls),
        "calls_per_round": (await calls_at(url) - calls) / n_rounds,
        "cpu_ms_per_round": (time.process_time() - cpu) * 1000 / n_rounds,
        "failed": sum(task.done() for task in tasks),
    }
    heart.cancel()
    return found


def rss_kb() -> float:
    """Resident memory now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024


def get(url: str) -> dict[str, int]:
    """The JSON at a URL of the control plane."""
    with urllib.request.urlopen(url) as reply:  # noqa: S310 -- ours
        found: dict[str, int] = json.load(reply)
    return found


async def calls_at(url: str) -> int:
    """Calls so far."""
    return (await asyncio.to_thread(get, f"{url}/calls"))["calls"]


def contend(contestant: str, n: int, url: str) -> None:
    """Print what one contestant needed."""
    import logging

    logging.disable(logging.ERROR)
    extra = {"region_name": "us-west-2", "endpoint_url": url}
    connection = {"conn_type": "aws", "login": "AKIALOCALEMULATOR001", "password": "x", "extra": extra}
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(connection)
    triggers = triggers_of(contestant, n)
    n_first_calls = n // PAGE if contestant == "shared" else n - 1
    print("RESULT" + json.dumps(asyncio.run(hold(triggers, url, n_first_calls))), flush=True)
    os._exit(0)  # what still polls is not worth waiting for


def amazon_python(folder: Path) -> str:
    """An interpreter with the Amazon provider and aiobotocore, beside ours."""
    python = folder / "bin" / "python"
    if not python.exists():
        beside = Path(sys.executable).with_name("uv")
        uv = str(beside) if beside.exists() else shutil.which("uv") or "uv"
        names = ("apache-airflow", "apache-airflow-core", "apache-airflow-task-sdk")
        pins = [f"{name}=={version(name)}" for name in names]
        pins.append(f"apache-airflow-providers-amazon[aiobotocore]=={version('apache-airflow-providers-amazon')}")
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(folder)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), *pins], check=True)
    return str(python)


def measure(contestant: str, n: int, url: str, python: str) -> dict[str, float]:
    """One contestant in a fresh process."""
    get(f"{url}/reset/{n}")
    with tempfile.TemporaryDirectory(prefix="rft-bench-") as home:
        environment = {**os.environ, "AIRFLOW_HOME": home, "AIRFLOW__LOGGING__LOGGING_LEVEL": "ERROR"}
        command = [python, __file__, "--contestant", contestant, "--url", url, str(n)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    if not lines:
        raise SystemExit(f"{contestant} failed:\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    found: dict[str, float] = json.loads(lines[-1].removeprefix("RESULT"))
    return found


def report(contestant: str, n: int, found: dict[str, float]) -> None:
    """One line."""
    hourly = found["calls_per_round"] / n * 3600 / USUAL_POLL_SECONDS
    print(
        f"{n:6d} jobs  {contestant:14s} set-up {found['setup_cpu_ms_per_job']:7.2f} ms CPU/job  "
        f"{found['rss_kb_per_job']:7.1f} KB/job  stall {found['longest_stall_s']:5.2f} s  "
        f"{found['calls_per_round']:7.1f} calls/round = {hourly:6.2f}/job-hour at 120 s  "
        f"{found['cpu_ms_per_round']:7.0f} ms CPU/round  {found['failed']:.0f} failed",
        flush=True,
    )


def main() -> None:
    """Compete, or be a contestant."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("n", nargs="*", type=int, default=[100, 1000])
    parser.add_argument("--only", nargs="+", default=CONTESTANTS, choices=CONTESTANTS)
    parser.add_argument("--contestant", choices=CONTESTANTS, help="run in this process, before the plane at --url")
    parser.add_argument("--url")
    parser.add_argument("--amazon-venv", type=Path, help="where the Amazon provider's environment is, or is to be made")
    parser.add_argument("--serve", action="store_true")
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    if given.contestant:
        contend(given.contestant, given.n[0], given.url)
    with tempfile.TemporaryDirectory(prefix="rft-amazon-") as scratch:
        pythons = dict.fromkeys(given.only, sys.executable)
        if "amazon" in pythons:
            pythons["amazon"] = amazon_python(given.amazon_venv or Path(scratch) / "venv")
        compete(given.n, pythons)


def compete(sizes: list[int], pythons: dict[str, str]) -> None:
    """Print one line per contestant and number of jobs."""
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    try:
        url = f"http://127.0.0.1:{server.stdout.readline().strip() if server.stdout else ''}"
        for n in sizes:
            for contestant, python in pythons.items():
                report(contestant, n, measure(contestant, n, url, python))
    finally:
        server.terminate()


if __name__ == "__main__":
    main()
