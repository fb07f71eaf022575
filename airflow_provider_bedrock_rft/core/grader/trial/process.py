"""What the bench needs of the process in which a grader runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessAnswer:
    """What came of one invocation.

    Attributes:
        payload: The reply as JSON; empty when there is none.
        seconds: Wall time.
        error_type: ``Hang``, ``Exit``, ``EnvironmentVariable`` or the name of the exception; empty when it returned.
        error_message: Its text and place.
        peak_mb: Largest resident size so far.
        printed_bytes: What was written to standard output and error.
        log_tail: The end of that.
        n_forks: Processes forked so far.
    """

    payload: bytes = b""
    seconds: float = 0.0
    error_type: str = ""
    error_message: str = ""
    peak_mb: float = 0.0
    printed_bytes: int = 0
    log_tail: str = ""
    n_forks: int = 0


class GraderProcess(Protocol):
    """A grader in a process of its own; nothing that it does reaches the caller."""

    def invoke(self, event: bytes) -> ProcessAnswer:
        """Hand it one event. After a hang or an exit the next call starts it anew."""
        ...
