"""How long the dataset check takes, as ratios to decoding the same file into typed records in the same run.

The check may use several processes: its CPU time is that of all of them, and its peak memory their sum, as the kernel
shares it out (PSS), looked at twenty times a second.

Usage: python benchmarks/dataset_check.py [--megabytes 1000] [--rounds 3]
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS = (  # noqa: SIM905 - a list of thirty words reads better so
    "amber basket candle dragon ember forest garden hollow island jacket kettle lantern meadow needle orchard pepper "
    "quiver ribbon saddle timber umbrella velvet willow yonder zephyr market bridge copper feather harbour"
).split()


class Turn(msgspec.Struct, gc=False):
    role: str
    content: str


class Line(msgspec.Struct, gc=False):
    messages: list[Turn]
    reference_answer: str


def write_records(path: Path, *, size_bytes: int = 0, n_records: int = 0) -> None:
    """Records of about 700 bytes, one in 2,000 repeated; half of them with escapes, half with raw UTF-8."""
    drawn, written, number = random.Random(1), 0, 0
    with path.open("wb") as stream:
        line = b""
        while written < size_bytes or number < n_records:
            if number % 2000 != 1999:
                prompt = " ".join(drawn.choices(WORDS, k=45)) + f" José {number} and {drawn.randrange(10**6)}?"
                answer = " ".join(drawn.choices(WORDS, k=40)) + f"\n#### {drawn.randrange(10**4)}"
                record = {"messages": [{"role": "user", "content": prompt}], "reference_answer": answer}
                line = msgspec.json.encode(record) + b"\n"
                if number % 2:
                    line = line.replace("é".encode(), b"\\u00e9")
            stream.write(line)
            written += len(line)
            number += 1


def decode(path: Path) -> None:
    decoder = msgspec.json.Decoder(Line)
    with path.open("rb") as stream:
        rest = b""
        while chunk := stream.read(256 * 1024):
            cut = chunk.rfind(b"\n") + 1
            decoder.decode_lines(rest + chunk[:cut])
            rest = chunk[cut:]


def check(path: Path, *, deep: bool) -> None:
    from airflow_provider_bedrock_rft.clients.scanning import check_sources
    from airflow_provider_bedrock_rft.clients.sources import find_sources
    from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions
    from airflow_provider_bedrock_rft.core.dataset.deep import DeepOptions

    check_sources(find_sources([str(path)]), CheckOptions(deep=DeepOptions() if deep else None))


def check_shallow(path: Path) -> None:
    check(path, deep=False)


def check_all(path: Path) -> None:
    check(path, deep=True)


def _cpu_seconds() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _timed(task: Callable[[Path], None], path: Path, results: multiprocessing.Queue[tuple[float, float]]) -> None:
    started, cpu = time.perf_counter(), _cpu_seconds()
    task(path)
    results.put((time.perf_counter() - started, _cpu_seconds() - cpu))


def _memory_mb(root: psutil.Process) -> float:
    return sum(map(_own_memory_mb, (root, *root.children(recursive=True))))


def _own_memory_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.Error:
        return 0.0


def measure(task: Callable[[Path], None], path: Path) -> tuple[float, float, int]:
    """Wall seconds, CPU seconds and peak MB of a fresh process and its children."""
    context = multiprocessing.get_context("spawn")
    results = context.Queue()
    process = context.Process(target=_timed, args=(task, path, results))
    process.start()
    watched, peak_mb = psutil.Process(process.pid), 0.0
    while process.is_alive():
        try:
            peak_mb = max(peak_mb, _memory_mb(watched))
        except psutil.Error:
            break
        process.join(0.05)
    wall, cpu = results.get()
    process.join()
    return wall, cpu, round(peak_mb)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        large, small = Path(folder, "large.jsonl"), Path(folder, "small.jsonl")
        write_records(large, size_bytes=args.megabytes * 1_000_000)
        write_records(small, n_records=20_000)
        for number in range(args.rounds):
            decoded, checked, full = measure(decode, large), measure(check_shallow, large), measure(check_all, small)
            print(f"round {number + 1}, {args.megabytes} MB:")
            print(f"  decoding into typed records  {decoded[0]:6.2f} s wall {decoded[1]:6.2f} s CPU {decoded[2]:4d} MB")
            print(f"  checks of record and equality{checked[0]:6.2f} s wall {checked[1]:6.2f} s CPU {checked[2]:4d} MB")
            print(
                f"  ratio                        {checked[0] / decoded[0]:6.2f}        {checked[1] / decoded[1]:6.2f}"
            )
            print(f"  20,000 records, all checks   {full[0]:6.2f} s wall {full[1]:6.2f} s CPU {full[2]:4d} MB")


if __name__ == "__main__":
    main()
