"""The real clock. Everything else takes a ``core.clock.Clock``."""

from __future__ import annotations

import time


class SystemClock:
    """This machine's clock."""

    def now(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def sleep(self, seconds: float) -> None:
        """Let ``seconds`` pass."""
        time.sleep(max(0.0, seconds))  # noqa: TID251 -- the one place where time really passes
