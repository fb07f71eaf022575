"""How fast the emulator starts and answers, beside a bare Starlette that does nothing.

Run: ``.venv/bin/python benchmarks/emulator.py [--connections 64] [--seconds 3] [--jobs 1000] [--to-the-end]``.
Absolute numbers depend on the machine; the ratios to the baseline, measured in the same run, and the CPU time of the
server per request are what to compare. Client and server share the cores. With ``--jobs`` that many jobs are created
and polled while the training slots work through them; every job that has ended by then must have reported each step
once. ``--to-the-end`` waits for all of them.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Coroutine

KEY, SECRET, REGION = "AKIALOCALEMULATOR001", "local-emulator-secret", "us-west-2"
BASELINE = """
import asyncio, socket, sys, uvicorn
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route
JOB = {"id": "ftjob-0", "object": "fine_tuning.job", "status": "running", "filler": "x" * 700}
app = Starlette(routes=[Route("/v1/fine_tuning/jobs/{job_id}", lambda request: JSONResponse(JOB))])
listener = socket.create_server(("127.0.0.1", 0))
listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
print(f"ready http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
config = uvicorn.Config(app, log_level="critical", access_log=False)
asyncio.run(uvicorn.Server(config).serve(sockets=[listener]))
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """Requests per second, and the time one took (ms)."""

    per_second: float
    median_ms: float
    p99_ms: float
    cpu_ms: float = float("nan")


def start(command: list[str]) -> tuple[subprocess.Popen[str], str, float]:
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None  # noqa: S101
    line = process.stdout.readline()
    return process, line.split()[1], time.perf_counter() - began


def token() -> str:
    from aws_bedrock_token_generator import BedrockTokenGenerator
    from botocore.credentials import Credentials

    return str(BedrockTokenGenerator().get_token(Credentials(KEY, SECRET), REGION))


def memory_mb(pid: int) -> float:
    """Proportional set size, where the system tells it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except OSError:
        return float("nan")
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def cpu_seconds(pid: int) -> float:
    """What the process itself has used, without its workers; not a number where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def load(url: str, paths: list[str], pid: int, *, connections: int, seconds: float, bearer: str) -> Rate:
    """Ask paths in turn over keep-alive connections for a while, speaking HTTP by hand to spare the client's share."""
    host, port = url.removeprefix("http://").split(":")
    heads = itertools.cycle(
        f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()
        for path in paths
    )
    times: list[float] = []
    cpu = cpu_seconds(pid)
    until = time.perf_counter() + seconds

    async def ask_again_and_again() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while (began := time.perf_counter()) < until:
            writer.write(next(heads))
            answer = await reader.readuntil(b"\r\n\r\n")
            if not answer.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(answer.decode())
            length = int(answer.lower().split(b"content-length:")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - began)
        writer.close()

    await asyncio.gather(*(ask_again_and_again() for _ in range(connections)))
    ordered = sorted(times)
    return Rate(
        per_second=len(times) / seconds,
        median_ms=statistics.median(ordered) * 1000,
        p99_ms=ordered[int(len(ordered) * 0.99)] * 1000,
        cpu_ms=(cpu_seconds(pid) - cpu) / len(times) * 1000,
    )


async def ask(url: str, method: str, path: str, bearer: str, body: object = None) -> Any:  # noqa: ANN401 -- JSON
    """One request on a connection of its own."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {bearer}\r\nConnection: close\r\n"
    writer.write(f"{head}Content-Type: application/json\r\nContent-Length: {len(data)}\r\n\r\n".encode() + data)
    answer = await reader.read()
    writer.close()
    status, _, rest = answer.partition(b"\r\n")
    if b" 200 " not in status:
        raise RuntimeError(answer.decode())
    return json.loads(rest.partition(b"\r\n\r\n")[2])


async def all_of(requests: list[Coroutine[Any, Any, Any]], connections: int) -> list[Any]:
    """The answers, so many requests at a time."""
    turns = asyncio.Semaphore(connections)

    async def one(request: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401 -- JSON
        async with turns:
            return await request

    return list(await asyncio.gather(*(one(request) for request in requests)))


async def faulty_jobs(url: str, jobs: list[str], bearer: str, connections: int) -> tuple[int, list[str]]:
    """How many jobs have succeeded, and those of them that lost or doubled a step's event."""
    shown = await all_of([ask(url, "GET", f"/v1/fine_tuning/jobs/{job}", bearer) for job in jobs], connections)
    ended = [job["id"] for job in shown if job["status"] == "succeeded"]
    pages = [ask(url, "GET", f"/v1/fine_tuning/jobs/{job}/events?limit=1000", bearer) for job in ended]
    faulty = []
    for job, page in zip(ended, await all_of(pages, connections), strict=True):
        steps = sorted(event["data"]["step"] for event in page["data"] if event["type"] == "metrics")
        total = max((event["data"]["total_steps"] for event in page["data"] if event["type"] == "metrics"), default=0)
        if not steps or steps != list(range(1, total + 1)):
            faulty.append(f"{job}: {steps} of {total}")
    return len(ended), faulty


def make_job(url: str, bearer: str) -> tuple[str, dict[str, Any]]:
    """A job to ask for, and the request for more; it needs a function, whose code never matters here."""
    import io
    import zipfile

    import boto3
    import openai

    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as package:
        package.writestr("g.py", "def h(e, c):\n    return [{'id': s['id'], 'aggregate_reward_score': 0} for s in e]\n")
    functions = boto3.client(
        "lambda", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET
    )
    iam = boto3.client("iam", endpoint_url=url, region_name=REGION, aws_access_key_id=KEY, aws_secret_access_key=SECRET)
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    role = iam.create_role(RoleName="bench", AssumeRolePolicyDocument=document)["Role"]["Arn"]
    arn = functions.create_function(
        FunctionName="bench", Runtime="python3.11", Role=role, Handler="g.h", Code={"ZipFile": archive.getvalue()}
    )["FunctionArn"]
    line = json.dumps({"messages": [{"role": "user", "content": "What is 2 + 3?"}], "reference_answer": "5"})
    grader = {"type": "lambda", "lambda": {"function": arn}}
    with openai.OpenAI(base_url=f"{url}/v1", api_key=bearer) as client:
        file = client.files.create(file=("t.jsonl", "\n".join([line] * 100).encode()), purpose="fine-tune")
        method = {"type": "reinforcement", "reinforcement": {"grader": grader}}
        job = client.fine_tuning.jobs.create(
            model="openai.gpt-oss-20b", training_file=file.id, extra_body={"method": method}
        )
        while client.fine_tuning.jobs.retrieve(job.id).status != "succeeded":
            time.sleep(0.1)
    return job.id, {"model": "openai.gpt-oss-20b", "training_file": file.id, "method": method}


def many_jobs(
    url: str, pid: int, bearer: str, request: dict[str, Any], bare: Rate, options: argparse.Namespace
) -> None:
    """Create many jobs, poll them while they train, and look whether their events are whole."""
    hyperparameters = {"batch_size": 30, "n_epochs": 1, "compute_multiplier": 0.25}
    method = {**request["method"]["reinforcement"], "hyperparameters": hyperparameters}
    body = {**request, "method": {"type": "reinforcement", "reinforcement": method}}
    began = time.perf_counter()
    creations = [ask(url, "POST", "/v1/fine_tuning/jobs", bearer, body) for _ in range(options.jobs)]
    jobs = [job["id"] for job in asyncio.run(all_of(creations, options.connections))]
    if len(set(jobs)) != options.jobs:
        raise RuntimeError("jobs share an id")
    print(f"{'jobs accepted':22} {options.jobs / (time.perf_counter() - began):9.0f} /s")
    paths = [f"/v1/fine_tuning/jobs/{job}" for job in jobs]
    n_ended, peak_mb = 0, 0.0
    while True:
        got = asyncio.run(
            load(url, paths, pid, connections=options.connections, seconds=options.seconds * 3, bearer=bearer)
        )
        n_ended, faulty = asyncio.run(faulty_jobs(url, jobs, bearer, options.connections))
        peak_mb = max(peak_mb, memory_mb(pid))
        print(
            shown("polls of those", got, bare),
            f"  {n_ended} ended, {len(faulty)} faulty, {memory_mb(pid):.0f} MB",
            flush=True,
        )
        if faulty:
            raise RuntimeError("\n".join(faulty))
        if not options.to_the_end or n_ended == options.jobs:
            break
    print(f"{'peak memory':22} {peak_mb:9.0f} MB")


def shown(name: str, got: Rate, bare: Rate) -> str:
    """One line of the report."""
    times = f"p50 {got.median_ms:6.1f} ms   p99 {got.p99_ms:6.1f} ms   CPU {got.cpu_ms:6.3f} ms"
    return f"{name:22} {got.per_second:9.0f} /s   {times}   ratio {got.per_second / bare.per_second:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--to-the-end", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--data-dir", folder]
        emulator, url, start_seconds = start(command)
        start_cpu = cpu_seconds(emulator.pid)
        baseline, baseline_url, _ = start([sys.executable, "-c", BASELINE])
        try:
            print(f"start to 'ready'        {start_seconds:8.2f} s, {start_cpu:.2f} s of it CPU")
            report(url, baseline_url, emulator.pid, baseline.pid, options)
        finally:
            for process in (emulator, baseline):
                process.send_signal(signal.SIGTERM)
                process.wait()


def report(url: str, baseline_url: str, pid: int, baseline_pid: int, options: argparse.Namespace) -> None:
    idle_mb = memory_mb(pid)
    bearer = token()
    job, request = make_job(url, bearer)
    paths = {
        "retrieve job": f"/v1/fine_tuning/jobs/{job}",
        "page of 20 events": f"/v1/fine_tuning/jobs/{job}/events",
        "list jobs": "/v1/fine_tuning/jobs",
        "list models": "/v1/models",
    }

    def rate(base: str, of: int, path: str) -> Rate:
        return asyncio.run(
            load(base, [path], of, connections=options.connections, seconds=options.seconds, bearer=bearer)
        )

    bare = rate(baseline_url, baseline_pid, paths["retrieve job"])
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}, {options.connections} connections")
    print(f"memory idle             {idle_mb:8.0f} MB")
    print(shown("bare Starlette", bare, bare))
    for name, path in paths.items():
        print(shown(name, rate(url, pid, path), bare), flush=True)
    print(f"memory after            {memory_mb(pid):8.0f} MB")
    if options.jobs:
        many_jobs(url, pid, bearer, request, bare, options)


if __name__ == "__main__":
    main()
