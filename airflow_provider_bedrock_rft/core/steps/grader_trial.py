"""A deployed grader on the bench, and a deployed judge before its labels: both through the Lambda API."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.clock import Clock
from airflow_provider_bedrock_rft.core.errors import GraderFailure
from airflow_provider_bedrock_rft.core.grader.calibration import Calibration, calibrate
from airflow_provider_bedrock_rft.core.grader.labels import labelled_samples
from airflow_provider_bedrock_rft.core.grader.trial.process import ProcessAnswer
from airflow_provider_bedrock_rft.core.ports import FunctionService
from airflow_provider_bedrock_rft.core.steps.grader_versions import invoke_grader

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.core.dataset.record import Record
    from airflow_provider_bedrock_rft.core.ports import Invocation

_DURATION = re.compile(r"^REPORT .*?\bDuration: ([0-9.]+) ms", re.MULTILINE)
_MEMORY = re.compile(r"^REPORT .*?\bMax Memory Used: ([0-9]+) MB", re.MULTILINE)
_KINDS = {
    "Sandbox.Timedout": "Hang",
    "Runtime.ExitError": "Exit",
    "Runtime.ImportModuleError": "ImportError",
    "Runtime.MarshalError": "Unserialisable",
    "Runtime.OutOfMemory": "MemoryError",
}


@dataclass(frozen=True, slots=True)
class InvokedGrader:
    """A ``GraderProcess`` that runs in Lambda: what an image, or a judge, is tried as. Forks are not seen from here."""

    functions: FunctionService
    arn: str
    clock: Clock

    def invoke(self, event: bytes) -> ProcessAnswer:
        """Hand it one event."""
        started = self.clock.now()
        invocation = self.functions.invoke(self.arn, event)
        log = invocation.log_tail
        seconds, memory = _DURATION.search(log), _MEMORY.search(log)
        error_type, error_message = _error_of(invocation)
        return ProcessAnswer(
            payload=b"" if error_type else invocation.payload,
            seconds=float(seconds[1]) / 1000 if seconds else self.clock.now() - started,
            error_type=error_type,
            error_message=error_message,
            peak_mb=float(memory[1]) if memory else 0.0,
            printed_bytes=len(log),
            log_tail=log,
        )


def calibrate_deployed(functions: FunctionService, arn: str, labelled: Sequence[Record]) -> Calibration:
    """How far a deployed judge agrees with the people who labelled these completions.

    Raises:
        InvalidGrader: The labels cannot be read, or are too few.
        GraderFailure: The judge failed on a completion.
    """
    samples, labels = labelled_samples(labelled)
    scores = invoke_grader(functions, arn, samples, batch_size=16)
    judged = [scores[sample.sample_id] for sample in samples]
    if failed := [score for score in judged if score.metrics.get("grader_error")]:
        kinds = sorted(
            {name.partition(".")[2] for score in failed for name in score.metrics if "grader_error." in name}
        )
        raise GraderFailure(
            f"The judge {arn} failed on {len(failed)} of {len(judged)} labelled completions: {', '.join(kinds)}.",
            action="Its log says why; a role without bedrock:InvokeModel on the model is a common reason.",
        )
    return calibrate([score.value for score in judged], labels)


def _error_of(invocation: Invocation) -> tuple[str, str]:
    if not invocation.function_error:
        return "", ""
    try:
        said = json.loads(invocation.payload)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        return "Exit", invocation.payload[:500].decode(errors="replace")
    kind, message = str(said.get("errorType", "")), str(said.get("errorMessage", ""))
    if "Task timed out" in message:
        kind = "Sandbox.Timedout"
    return _KINDS.get(kind, kind or "Error"), message
