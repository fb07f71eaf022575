"""``bedrock-rft emulator``: replaces this process by the emulator, which knows nothing of this package."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

MODULE = "airflow_provider_bedrock_rft.emulator"


def become(arguments: Sequence[str]) -> NoReturn:
    """Never returns: from here on this process is the emulator."""
    os.execv(sys.executable, [sys.executable, "-m", MODULE, *arguments])  # noqa: S606 -- our own interpreter
