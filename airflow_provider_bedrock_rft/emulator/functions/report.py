"""The log of an invocation in Lambda's layout."""

from __future__ import annotations

from dataclasses import dataclass

from airflow_provider_bedrock_rft.emulator.functions.invocation import MAX_LOG_TAIL_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything that START, END and REPORT say, and the lines between them."""

    request_id: str
    version: str
    memory_mb: int
    used_mb: int
    duration_ms: float
    init_ms: float | None
    init_lines: tuple[str, ...]
    lines: tuple[str, ...]
    n_dropped: int
    failure: str | None

    def rendered(self) -> list[str]:
        """The whole log, line by line."""
        dropped = [f"[emulator] {self.n_dropped} earlier lines were dropped"] if self.n_dropped else []
        failure = [self.failure] if self.failure else []
        start = f"START RequestId: {self.request_id} Version: {self.version}"
        end = f"END RequestId: {self.request_id}"
        return [*self.init_lines, start, *dropped, *self.lines, *failure, end, self._summary()]

    def _summary(self) -> str:
        parts = [
            f"REPORT RequestId: {self.request_id}",
            f"Duration: {self.duration_ms:.2f} ms",
            f"Billed Duration: {int(self.duration_ms + (self.init_ms or 0)) + 1} ms",
            f"Memory Size: {self.memory_mb} MB",
            f"Max Memory Used: {min(self.used_mb, self.memory_mb)} MB",
        ]
        if self.init_ms is not None:
            parts.append(f"Init Duration: {self.init_ms:.2f} ms")
        return "\t".join(parts)


def tail(lines: list[str]) -> str:
    """The last 4 KB of a log; a character that would be cut in two is left out."""
    end = "\n".join(lines).encode()[-MAX_LOG_TAIL_BYTES:]
    return end.decode("utf-8", "ignore") + "\n"
