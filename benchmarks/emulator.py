"""How fast the emulator starts and answers, beside a bare Starlette that does nothing.

Run: ``.venv/bin/python benchmarks/emulator.py [--connections 64] [--seconds 3]``. Absolute numbers depend on the
machine;
the ratios to the baseline, measured in the same run, are what to compare. Client and server
share the cores.
"""

from __future__ import annotations

import argparse
import asyncio
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


async def load(url: str, path: str, *, connections: int, seconds: float, bearer: str) -> Rate:
    """Ask one path over keep-alive connections for a while, speaking HTTP by hand to spare the client's share."""
    host, port = url.removeprefix("http://").split(":")
    head = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nAuthorization: Bearer {bearer}\r\n\r\n".encode()
    times: list[float] = []
    until = time.perf_counter() + seconds

    async def ask_again_and_again() -> None:
        reader, writer = await asyncio.open_connection(host, int(port))
        while (began := time.perf_counter()) < until:
            writer.write(head)
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
    )


def make_job(url: str, bearer: str) -> str:
    """A job to ask for; it needs a function, whose code never matters here."""
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
    return job.id


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=3.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator", "--data-dir", folder]
        emulator, url, start_seconds = start(command)
        baseline, baseline_url, _ = start([sys.executable, "-c", BASELINE])
        try:
            report(url, baseline_url, emulator.pid, start_seconds, options)
        finally:
            for process in (emulator, baseline):
                process.send_signal(signal.SIGTERM)
                process.wait()


def report(url: str, baseline_url: str, pid: int, start_seconds: float, options: argparse.Namespace) -> None:
    idle_mb = memory_mb(pid)
    bearer = token()
    job = make_job(url, bearer)
    paths = {
        "retrieve job": f"/v1/fine_tuning/jobs/{job}",
        "page of 20 events": f"/v1/fine_tuning/jobs/{job}/events",
        "list jobs": "/v1/fine_tuning/jobs",
        "list models": "/v1/models",
    }

    def rate(base: str, path: str) -> Rate:
        return asyncio.run(load(base, path, connections=options.connections, seconds=options.seconds, bearer=bearer))

    bare = rate(baseline_url, paths["retrieve job"])
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}, {options.connections} connections")
    print(f"start to 'ready'        {start_seconds:8.2f} s")
    print(f"memory idle             {idle_mb:8.0f} MB")
    print(f"{'bare Starlette':22} {bare.per_second:9.0f} /s   p50 {bare.median_ms:6.1f} ms   p99 {bare.p99_ms:6.1f} ms")
    for name, path in paths.items():
        got = rate(url, path)
        ratio = got.per_second / bare.per_second
        shown = f"{got.per_second:9.0f} /s   p50 {got.median_ms:6.1f} ms   p99 {got.p99_ms:6.1f} ms   ratio {ratio:.2f}"
        print(f"{name:22} {shown}")
    print(f"memory after            {memory_mb(pid):8.0f} MB")


if __name__ == "__main__":
    main()
