"""Graders' costs: packaging again, the handler around a function, the bench on a thousand records.

Prints one line per measure; exits 1 when a goal is missed. Times are of the processor, of this process and of those it
started: on an idle machine that is what passes on the wall, as one waits for the other, and on a busy one it is still
the grader's own. The wall's is printed beside it.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.grader.contract import build_event
from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
from airflow_provider_bedrock_rft.core.grader.trial.bench import TrialSettings
from airflow_provider_bedrock_rft.grading import rft_grader
from airflow_provider_bedrock_rft.grading.workshop import pack, try_out

if TYPE_CHECKING:
    from collections.abc import Callable

MATHEMATICS = str(Path(__file__).parents[1] / "example_dags" / "graders" / "mathematics.py")
N_SAMPLES = 2_000


def main() -> int:
    missed = [name for name, value, goal, is_met in measures() if not report(name, value, goal, is_met=is_met)]
    return 1 if missed else 0


def measures() -> list[tuple[str, str, str, bool]]:
    ratio = packaging_ratio()
    overhead = handler_overhead_us()
    started = time.perf_counter()
    seconds = bench_seconds()
    print(f"{'(the bench on the wall, s)':<44} {time.perf_counter() - started:>8.1f}")
    return [
        ("packaging again, times faster", f"{ratio:.0f}", ">= 20", ratio >= 20),
        ("handler overhead per sample, us", f"{overhead:.1f}", "< 20", overhead < 20),
        ("bench on 1,000 records of mathematics, s", f"{seconds:.1f}", "< 30", seconds < 30),
    ]


def report(name: str, value: str, goal: str, *, is_met: bool) -> bool:
    print(f"{name:<44} {value:>8}   goal {goal:<6} {'ok' if is_met else 'MISSED'}")
    return is_met


def packaging_ratio() -> float:
    with tempfile.TemporaryDirectory() as folder:
        first = seconds_of(lambda: pack(MATHEMATICS, cache=Path(folder)))
        again = min(seconds_of(lambda: pack(MATHEMATICS, cache=Path(folder))) for _ in range(5))
    return first / again


def handler_overhead_us() -> float:
    def grade(completion: str, reference: object) -> float:
        return float(completion == reference)

    samples = [GraderSample(sample_id=str(n), completion="84", reference="84") for n in range(N_SAMPLES)]
    event, handler = build_event(samples), rft_grader(grade).lambda_handler
    bare = min(seconds_of(lambda: [grade("84", "84") for _ in range(N_SAMPLES)]) for _ in range(15))
    whole = min(seconds_of(lambda: handler(event)) for _ in range(15))
    return (whole - bare) / N_SAMPLES * 1e6


def bench_seconds() -> float:
    records = [
        Record(record_id=str(n), messages=(Message(role="user", content=f"{n} / 7?"),), reference=f"\\frac{{{n}}}{{7}}")
        for n in range(1, 1001)
    ]
    return seconds_of(lambda: try_out(MATHEMATICS, records, TrialSettings(max_records=0)))


def seconds_of(work: Callable[[], object]) -> float:
    started = processor_seconds()
    work()
    return processor_seconds() - started


def processor_seconds() -> float:
    own, children = time.process_time(), resource.getrusage(resource.RUSAGE_CHILDREN)
    return own + children.ru_utime + children.ru_stime


if __name__ == "__main__":
    sys.exit(main())
