"""Evaluation and comparison: throughput against a local server with 200 ms latency, and the cost of a comparison.

Prints one JSON line per measure. The server runs in a process of its own; the runtime is the package's own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import resource
import time
from typing import TYPE_CHECKING, cast

from airflow_provider_bedrock_rft.clients.config import ClientConfig
from airflow_provider_bedrock_rft.clients.runtime import MantleRuntime
from airflow_provider_bedrock_rft.clients.runtime_http import JsonEndpoint
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.evaluation.paired import compare
from airflow_provider_bedrock_rft.core.evaluation.scores import SampleScores
from airflow_provider_bedrock_rft.core.evaluation.settings import EvaluationSettings
from airflow_provider_bedrock_rft.core.steps.answering import AnswerBook

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.connection import Connection
    from pathlib import Path

LATENCY_SECONDS = 0.2
REPLY = json.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 0,
        "model": "m",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "x" * 800}}],
        "usage": {"prompt_tokens": 200, "completion_tokens": 200, "total_tokens": 400},
    }
).encode()
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(REPLY)


class Answering(asyncio.Protocol):
    """Just enough HTTP: one request per read, answered after the latency."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end].lower()
            length = int(head.split(b"content-length:")[1].split(b"\r\n")[0]) if b"content-length:" in head else 0
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            asyncio.get_running_loop().call_later(LATENCY_SECONDS, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(HEAD + REPLY)


def serve(said: Connection) -> None:
    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, backlog=1024)
        said.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(run())


class Nowhere:
    """An object store that forgets; puts take 20 ms, as S3's do."""

    def put_bytes(self, uri: str, data: bytes) -> str:
        time.sleep(0.02)
        return f"{uri}{len(data)}"

    def put(self, uri: str, path: Path, *, on_progress: Callable[[int], None] | None = None) -> str:  # noqa: ARG002
        return self.put_bytes(uri, path.read_bytes())

    def fetch(self, uri: str, path: Path, *, etag: str) -> None:  # noqa: ARG002
        raise KeyError(uri)

    def get(self, uri: str) -> bytes:
        raise KeyError(uri)

    def etag(self, uri: str) -> str | None:  # noqa: ARG002
        return None

    def list(self, prefix: str) -> Iterator[str]:  # noqa: ARG002
        return iter(())

    def delete(self, uri: str) -> None:
        raise KeyError(uri)


class WallClock:
    def now(self) -> float:
        return time.time()

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


def answer(port: int, n: int, concurrency: int) -> tuple[float, float]:
    """Wall and CPU seconds for ``n`` completions."""
    endpoint = JsonEndpoint(ClientConfig(region="us-west-2", endpoint_url=f"http://127.0.0.1:{port}"), lambda: "none")
    book = AnswerBook(
        MantleRuntime(endpoint),
        Nowhere(),
        model="m",
        uri="s3://bench/x",
        settings=EvaluationSettings(max_concurrency=concurrency),
        clock=WallClock(),
    )
    records = [
        Record(record_id=str(i), messages=(Message(role="user", content=f"{i} " + "y" * 1000),)) for i in range(n)
    ]
    wall, cpu = time.perf_counter(), time.process_time()
    assert len(book.answers(records)) == n  # noqa: S101
    endpoint.close()
    return time.perf_counter() - wall, time.process_time() - cpu


def throughput(concurrency: int) -> None:
    """The slope between two run lengths, so that ramp-up and start are left out; and one whole run."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    answer(port, 64, concurrency)
    short, long = concurrency * 8, concurrency * 24
    short_wall, short_cpu = answer(port, short, concurrency)
    long_wall, long_cpu = answer(port, long, concurrency)
    server.terminate()
    limit = concurrency / LATENCY_SECONDS
    rate = (long - short) / (long_wall - short_wall)
    tell(
        "completions",
        concurrency=concurrency,
        per_second=round(rate),
        share_of_limit=round(rate / limit, 3),
        share_of_limit_whole_run=round(long / long_wall / limit, 3),
        cpu_ms_per_completion=round((long_cpu - short_cpu) / (long - short) * 1000, 2),
    )


def comparison(n: int = 10_000, n_resamples: int = 10_000) -> None:
    import numpy as np

    random = np.random.default_rng(0)
    base = random.random(n)
    sides = [
        [SampleScores(sample_id=str(i), scores=(float(score),)) for i, score in enumerate(scores)]
        for scores in (base, base + random.normal(0.01, 0.2, n))
    ]
    compare(sides[0][:50], sides[1][:50], n_resamples=100)  # imports
    started = time.perf_counter()
    compare(*sides, n_resamples=n_resamples)
    seconds = time.perf_counter() - started
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    tell("comparison", pairs=n, resamples=n_resamples, seconds=round(seconds, 3), peak_rss_mb=round(peak_mb))


def tell(measure: str, **numbers: float) -> None:
    print(json.dumps({"measure": measure, **numbers}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--concurrency", type=int, nargs="*", default=[64, 256])
    arguments = parser.parse_args()
    comparison()
    for concurrency in arguments.concurrency:
        throughput(concurrency)


if __name__ == "__main__":
    main()
