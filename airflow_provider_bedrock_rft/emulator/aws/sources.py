"""Gives the mounted implementation our time and our chance, so that the same requests make the same ids and dates.

moto takes the time from one function and most chance from one generator, but a few places draw from the operating
system. They are listed here, and nowhere else is moto's inside touched except for reading.
"""

from __future__ import annotations

import datetime as dt
import os
import sys
import types
import uuid
from contextlib import contextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import moto.core.utils
from moto.moto_api._internal import mock_random

from airflow_provider_bedrock_rft.emulator.aws import deliveries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airflow_provider_bedrock_rft.emulator.aws.deliveries import Deliver


class Sources:
    """Time and chance as moto sees them; frozen and seeded while one write is performed or replayed."""

    def __init__(self, now: Callable[[], float], seed: int) -> None:
        self._now = now
        self._seed = seed
        self._frozen: float | None = None
        self.deliver: Deliver | None = None
        self.n_matched = 0

    @contextmanager
    def fixed(self, at: float, sequence: int) -> Iterator[None]:
        """Within, it is ``at`` (epoch seconds) and chance depends on the seed and ``sequence`` alone."""
        mock_random.seed(f"{self._seed}/{sequence}")
        self._frozen = at
        try:
            yield
        finally:
            self._frozen = None
            mock_random.seed(Random().getrandbits(64))

    def now(self) -> float:
        """The time, in seconds since the epoch."""
        return self._now() if self._frozen is None else self._frozen

    def utcnow(self) -> dt.datetime:
        """The time, as the naive UTC value that moto works with."""
        return dt.datetime.fromtimestamp(self.now(), tz=dt.timezone.utc).replace(tzinfo=None)

    def bind(self) -> None:
        """Put these sources in the place of moto's own, in every moto module that is loaded."""
        originals = {"utcnow": _utcnow, "uuid4": uuid.uuid4}
        replacements: dict[str, object] = {"utcnow": self.utcnow, "uuid4": mock_random.uuid4}
        for name, module in list(sys.modules.items()):
            if not name.startswith("moto."):
                continue
            for attribute, original in originals.items():
                held = getattr(module, attribute, None)
                if held is original or getattr(held, "__func__", None) is Sources.utcnow:
                    setattr(module, attribute, replacements[attribute])
        self._bind_deliveries()
        seeded_os = types.SimpleNamespace(**vars(os))
        seeded_os.urandom = mock_random.randbytes
        for name in ("moto.s3.models", "moto.sts.utils"):
            sys.modules[name].os = seeded_os  # type: ignore[attr-defined]

    def _matched(self) -> None:
        self.n_matched += 1

    def _bind_deliveries(self) -> None:
        """Events from topics and queues go to functions that run; nothing is posted to the network."""
        sources = self

        def invoke(function: Any, body: str, _request_headers: object, _response_headers: object) -> bytes:  # noqa: ANN401
            if sources.deliver is not None:
                sources.deliver(function.function_arn, function.account_id, function.region, body.encode())
            return b""

        deliveries.bind(lambda: sources.deliver, self._matched)
        sys.modules["moto.awslambda.models"].LambdaFunction.invoke = invoke
        sys.modules["moto.sns.models"].requests = types.SimpleNamespace(post=_refuse)  # type: ignore[attr-defined]


def _refuse(*_arguments: object, **_settings: object) -> None:
    raise NotImplementedError("Subscriptions by HTTP are not served.")


_utcnow = moto.core.utils.utcnow
