"""What can be proved of a block of lines from its bytes alone, all lines at once.

Decoders are lenient where a check must not be: they take two records on one line, a key twice, and characters that
nobody sees. Counting and looking up bytes rules all of that out at a fraction of the cost of decoding.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

_LF, _QUOTE, _BACKSLASH, _OPEN, _CLOSE = b'\n"\\{}'
_B, _F, _U = b"bfu"
_AFTER_C2 = frozenset(bytes([second]) for second in range(0x80, 0xA0))
_AFTER_E2 = frozenset(
    [
        b"\x80\x8b",
        *(bytes([0x80, third]) for third in range(0xA8, 0xAF)),
        *(bytes([0x81, third]) for third in range(0xA6, 0xAA)),
    ]
)
_AFTER_EF = frozenset([b"\xbb\xbf", b"\xbf\xbe", b"\xbf\xbf"])
_INVISIBLE = (
    *range(0x20),
    *range(0x7F, 0xA0),
    0x200B,
    *range(0x2028, 0x202F),
    *range(0x2066, 0x206A),
    0xFEFF,
    0xFFFE,
    0xFFFF,
)
_VISIBLE_BREAKS = (0x09, 0x0A, 0x0D)
_MAX_DIGITS = 16
"""A run of digits and points that is no longer has no more digits than a double keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """Of a block in which no character is suspicious.

    Attributes:
        n_lines: Its lines, each opening with ``{`` and closing with ``}``.
        n_quotes: Quotes that open or close a key or a text.
    """

    n_lines: int
    n_quotes: int


def structure_of(data: bytes, *, has_fractions: bool) -> Structure | None:
    """The structure of whole lines of valid JSON, or ``None`` where a fault cannot be ruled out by bytes.

    Args:
        data: Whole lines.
        has_fractions: Numbers may have a fraction, so that their digits must be counted.
    """
    import numpy as np  # noqa: PLC0415  # 0.1 s that only a check pays

    if not data.startswith(b"{") or not data.endswith(b"}\n") or b"\r" in data or b"\x7f" in data:
        return None
    if not data.isascii() and _may_hold_invisible(data):
        return None
    octets = np.frombuffer(data, dtype=np.uint8)
    breaks = np.flatnonzero(octets == _LF)
    if not ((octets[breaks - 1] == _CLOSE).all() and (octets[breaks[:-1] + 1] == _OPEN).all()):
        return None
    if has_fractions and _has_long_number(octets):
        return None
    n_escaped = _escaped_quotes(data, octets)
    if n_escaped is None:
        return None
    n_quotes = int(np.count_nonzero(octets == _QUOTE)) - n_escaped
    return Structure(n_lines=len(breaks), n_quotes=n_quotes)


def _escaped_quotes(data: bytes, octets: np.ndarray) -> int | None:
    """How many quotes are escaped; ``None`` when an escape stands for a character that nobody sees."""
    import numpy as np  # noqa: PLC0415

    escapes = np.flatnonzero(octets == _BACKSLASH)
    if not len(escapes):
        return 0
    after = octets[escapes + 1]
    if (after == _BACKSLASH).any():
        data = data.replace(b"\\\\", b"")
        octets = np.frombuffer(data, dtype=np.uint8)
        escapes = np.flatnonzero(octets == _BACKSLASH)
        after = octets[escapes + 1]
    if (after == _B).any() or (after == _F).any():
        return None
    points = escapes[after == _U]
    if len(points) and _is_invisible()[_code_points(octets, points)].any():
        return None
    return int(np.count_nonzero(after == _QUOTE))


def _code_points(octets: np.ndarray, escapes: np.ndarray) -> np.ndarray:
    import numpy as np  # noqa: PLC0415

    digits = _hex_digits()
    points = np.zeros(len(escapes), dtype=np.uint16)
    for place in range(2, 6):
        points = (points << np.uint16(4)) | digits[octets[escapes + place]]
    return points


@cache
def _hex_digits() -> np.ndarray:
    import numpy as np  # noqa: PLC0415

    values = np.zeros(256, dtype=np.uint16)
    for digit in b"0123456789abcdefABCDEF":
        values[digit] = int(chr(digit), 16)
    return values


@cache
def _is_invisible() -> np.ndarray:
    """By code point of the first plane."""
    import numpy as np  # noqa: PLC0415

    table = np.zeros(65_536, dtype=np.bool_)
    table[list(_INVISIBLE)] = True
    table[list(_VISIBLE_BREAKS)] = False
    return table


def _has_long_number(octets: np.ndarray) -> bool:
    """True when more than :data:`_MAX_DIGITS` digits and points stand in a row, be it in a text."""
    is_digit = ((octets - 48) <= 9) | (octets == 46)
    reach = 1
    while reach < _MAX_DIGITS:
        is_digit = is_digit[reach:] & is_digit[:-reach]
        reach *= 2
    return bool((is_digit[1:] & is_digit[:-1]).any())


def _may_hold_invisible(data: bytes) -> bool:
    return (
        (b"\xc2" in data and any(rest[:1] in _AFTER_C2 for rest in data.split(b"\xc2")[1:]))
        or (b"\xe2" in data and any(rest[:2] in _AFTER_E2 for rest in data.split(b"\xe2")[1:]))
        or (b"\xef" in data and any(rest[:2] in _AFTER_EF for rest in data.split(b"\xef")[1:]))
    )
