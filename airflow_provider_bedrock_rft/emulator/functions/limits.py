"""Limits of the host, as settings. Durations are real seconds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLimits:
    """How many functions run and for how long.

    ``account_concurrency`` throttles as AWS does (its own default is 1,000). ``max_environments`` bounds processes on
    this machine: invocations beyond it wait, and idle environments give way.
    """

    account_concurrency: int = 1000
    max_environments: int = 16
    idle_seconds: float = 300.0
    init_seconds: float = 10.0
    max_processes: int = 1024
    watch_seconds: float = 0.02
    log_wait_seconds: float = 1.0
    max_logged_bytes: int = 256 * 1024
