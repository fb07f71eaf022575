"""What the tasks of one process share: the clock and, for the many waits of one triggerer, a hook per connection."""

from __future__ import annotations

import logging
from threading import Lock
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.clients.system_clock import SystemClock

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.clock import Clock
    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

CLOCK: Clock = SystemClock()

_LOCK = Lock()
_HOOKS: dict[tuple[str | None, str | None], BedrockRftHook] = {}


def quiet_http_logs() -> None:
    """One line per request, which the openai SDK's transport logs, would bury what a task's log has to say."""
    for name in ("httpx", "httpx2"):
        logger = logging.getLogger(name)
        if logger.level == logging.NOTSET:
            logger.setLevel(logging.WARNING)


def shared_hook(aws_conn_id: str | None, region_name: str | None) -> BedrockRftHook:
    """The hook of that connection; building one costs tens of milliseconds and a megabyte."""
    with _LOCK:
        if (aws_conn_id, region_name) not in _HOOKS:
            from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook

            quiet_http_logs()
            _HOOKS[aws_conn_id, region_name] = BedrockRftHook(aws_conn_id=aws_conn_id, region_name=region_name)
        return _HOOKS[aws_conn_id, region_name]


def forget_hook(aws_conn_id: str | None, region_name: str | None) -> None:
    """Read the connection anew next time: its credentials may have been replaced."""
    with _LOCK:
        _HOOKS.pop((aws_conn_id, region_name), None)
