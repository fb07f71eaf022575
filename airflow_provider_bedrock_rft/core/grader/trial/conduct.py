"""How a grader behaves while it is tried: whatever it does wrong is written down, once per kind."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.grader.contract import ReplyFault, read_reply
from airflow_provider_bedrock_rft.core.grader.trial.checks import show
from airflow_provider_bedrock_rft.core.grader.trial.report import MAX_SAMPLES_SHOWN, Check, Shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.grader.sample import GraderSample
    from airflow_provider_bedrock_rft.core.grader.trial.process import ProcessAnswer

MAX_PRINTED_BYTES = 256 * 1024
"""Per invocation; CloudWatch bills every byte of it, at every step of a job."""

RAISES = "grader-raises"
_CODES = {
    "Hang": "grader-hangs",
    "Exit": "grader-exits",
    "SystemExit": "grader-exits",
    "EnvironmentVariable": "environment-variable-absent",
    "ModuleNotFoundError": "import-not-packaged",
    "ImportError": "import-not-packaged",
    "MemoryError": "memory-exceeded",
    "InvalidReward": "reward-not-a-number",
    "Unserialisable": ReplyFault.NOT_JSON.value,
    "RewardAbsent": "reward-absent",
    "RewardNotFinite": "reward-not-finite",
}
_FATAL = frozenset({"Hang", "Exit", "EnvironmentVariable", "ModuleNotFoundError", "ImportError"})
_LOGGED = re.compile(r"^\[grader\] sample (?P<id>.+?): (?P<type>\w+)(?P<rest>.*)$", re.MULTILINE)
_VARIABLE = "the environment variable"


class FatalConduct(Exception):
    """There is no use in going on."""


@dataclass(slots=True)
class Conduct:
    """What was observed so far."""

    counts: Counter[str] = field(default_factory=Counter)
    messages: dict[str, str] = field(default_factory=dict)
    samples: dict[str, list[Shown]] = field(default_factory=dict)
    peak_mb: float = 0.0
    n_invocations: int = 0

    def observe(self, answer: ProcessAnswer, batch: Sequence[GraderSample]) -> dict[str, float]:
        """The usable scores of an invocation; its faults are noted.

        Raises:
            FatalConduct: The grader hung, left, or cannot be loaded.
        """
        self.n_invocations += 1
        self.peak_mb = max(self.peak_mb, answer.peak_mb)
        if answer.printed_bytes > MAX_PRINTED_BYTES:
            self._note("grader-prints", f"{answer.printed_bytes / 1e6:.1f} MB were printed in one invocation.")
        if answer.n_forks:
            self._note("grader-forks", "The grader started processes by fork; Lambda freezes them between invocations.")
        if answer.error_type:
            self._note(code_of(answer.error_type), f"{answer.error_type}: {answer.error_message}.", batch[:1])
            if answer.error_type in _FATAL:
                raise FatalConduct(answer.error_type)
            return {}
        return self._scores_of(answer, batch)

    def checks(self) -> list[Check]:
        """A failed check for every kind of fault; one that passed when there was none."""
        if not self.counts:
            return [Check(code="contract", passed=True, message=f"{self.n_invocations} invocations are well answered.")]
        return [
            Check(
                code=code,
                passed=False,
                value=float(count),
                threshold=0.0,
                message=self.messages[code],
                samples=self.samples.get(code, []),
            )
            for code, count in self.counts.items()
        ]

    def _scores_of(self, answer: ProcessAnswer, batch: Sequence[GraderSample]) -> dict[str, float]:
        by_id = {sample.sample_id: sample for sample in batch}
        reply = read_reply(answer.payload, list(by_id))
        for finding in reply.findings:
            self._note(finding.fault.value, finding.message, [by_id[finding.sample_id]] if finding.sample_id else [])
        failed = {sample_id for sample_id, score in reply.scores.items() if score.metrics.get("grader_error")}
        self._note_logged(answer.log_tail, [by_id[sample_id] for sample_id in failed])
        return {sample_id: score.value for sample_id, score in reply.scores.items() if sample_id not in failed}

    def _note_logged(self, log_tail: str, failed: Sequence[GraderSample]) -> None:
        """Failures that the handler turned into the floor, by what it logged of them."""
        if not failed:
            return
        logged = list(_LOGGED.finditer(log_tail))
        kinds = {_logged_type(found): found["rest"].lstrip(": ") for found in logged} or {"Exception": ""}
        for kind, rest in kinds.items():
            self._note(code_of(kind), f"{len(failed)} samples of a batch failed: {kind} {rest}".rstrip(), failed)

    def _note(self, code: str, message: str, samples: Sequence[GraderSample] = ()) -> None:
        self.counts[code] += max(1, len(samples))
        self.messages.setdefault(code, message)
        kept = self.samples.setdefault(code, [])
        kept += [show(sample) for sample in samples[: MAX_SAMPLES_SHOWN - len(kept)]]


def code_of(error_type: str) -> str:
    """The finding that an error of the grader is."""
    return _CODES.get(error_type, RAISES)


def _logged_type(found: re.Match[str]) -> str:
    return "EnvironmentVariable" if _VARIABLE in found["rest"] else found["type"]
