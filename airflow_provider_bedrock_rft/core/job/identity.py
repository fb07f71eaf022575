"""Who a job belongs to: names and tokens made of the task and of what is trained, never of the clock."""

from __future__ import annotations

import hashlib
import re

from airflow_provider_bedrock_rft.core.codec import fingerprint
from airflow_provider_bedrock_rft.core.identifiers import JobName

_UNSAFE = re.compile(r"[^a-zA-Z0-9]+")
_NAME_LENGTH = 63


def task_key(*, dag_id: str, task_id: str, run_id: str, map_index: int = -1) -> str:
    """The key of one task instance: readable, safe as an S3 key or parameter name, equal for all its tries."""
    exact = fingerprint({"dag": dag_id, "task": task_id, "run": run_id, "map_index": map_index})
    readable = "/".join(_slug(part, 48) or "_" for part in (dag_id, run_id, task_id))
    return f"{readable}/{exact[:20]}"


def attempt_token(*, key: str, content_fingerprint: str, attempt: int) -> str:
    """The token of one attempt: 32 hex digits, valid as ``clientRequestToken``, the same in every process."""
    text = "\n".join((key, content_fingerprint, str(attempt)))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def job_name(*, prefix: str, token: str) -> JobName:
    """The name of one attempt's job. It is also a valid custom model name: no dots, no doubled separators."""
    return JobName.parse(f"{_slug(prefix, _NAME_LENGTH - 17) or 'rft'}-{token[:16]}")


def _slug(text: str, length: int) -> str:
    return _UNSAFE.sub("-", text).strip("-")[:length].strip("-")
