"""Grade-school word problems, written for this project: the demo's default dataset.

Every problem is a template filled with seeded numbers and names. The same seed gives the same file, byte for byte.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

INSTRUCTION = 'Work it out step by step, then write the final number on a last line after "####".'
NAMES = (
    "Amara",
    "Bruno",
    "Chloe",
    "Dario",
    "Elif",
    "Femi",
    "Greta",
    "Hana",
    "Ivo",
    "Jalil",
    "Keiko",
    "Lena",
    "Marek",
    "Noor",
    "Oskar",
    "Priya",
    "Rafael",
    "Selma",
    "Tomas",
    "Uma",
)
THINGS = ("stickers", "marbles", "postcards", "shells", "stamps", "beads", "buttons", "badges", "bookmarks", "ribbons")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of problem.

    Attributes:
        name: Recorded with each record, so that results can be sliced by it.
        text: Template over the drawn numbers ``a``, ``b``, ``c``, the names ``who`` and ``other``, and ``things``.
        ranges: Number → (lowest, highest, step).
        answer: The right number; draws for which it is negative or fractional are thrown away.
    """

    name: str
    text: str
    ranges: Mapping[str, tuple[int, int, int]]
    answer: Callable[[Mapping[str, int]], float]


KINDS = (
    Kind(
        name="add",
        text="{who} has {a} {things} and gets {b} more from {other}. How many {things} does {who} have now?",
        ranges={"a": (11, 95, 1), "b": (4, 60, 1)},
        answer=lambda n: n["a"] + n["b"],
    ),
    Kind(
        name="subtract",
        text="{who} had {a} {things} and gave {b} of them to {other}. How many {things} are left?",
        ranges={"a": (30, 99, 1), "b": (3, 29, 1)},
        answer=lambda n: n["a"] - n["b"],
    ),
    Kind(
        name="boxes",
        text="A box holds {a} {things}. {who} fills {b} boxes. How many {things} is that?",
        ranges={"a": (3, 25, 1), "b": (2, 20, 1)},
        answer=lambda n: n["a"] * n["b"],
    ),
    Kind(
        name="share",
        text="{who} shares {a} {things} equally among {b} children. How many {things} does each child get?",
        ranges={"a": (12, 144, 12), "b": (2, 6, 1)},
        answer=lambda n: n["a"] / n["b"],
    ),
    Kind(
        name="boxes-minus-broken",
        text="{who} packs {a} trays with {b} {things} on each tray. Later {c} {things} turn out to be "
        "broken. How many good {things} remain?",
        ranges={"a": (3, 12, 1), "b": (5, 20, 1), "c": (2, 14, 1)},
        answer=lambda n: n["a"] * n["b"] - n["c"],
    ),
    Kind(
        name="spend-and-change",
        text="{who} buys {a} tickets at ${b} each and a drink for ${c}. How much does {who} pay altogether?",
        ranges={"a": (2, 12, 1), "b": (3, 18, 1), "c": (2, 9, 1)},
        answer=lambda n: n["a"] * n["b"] + n["c"],
    ),
    Kind(
        name="give-then-share",
        text="{who} has {a} {things}, keeps {b} and splits the rest equally between {c} friends. How "
        "many {things} does each friend receive?",
        ranges={"a": (20, 120, 1), "b": (2, 19, 1), "c": (2, 8, 1)},
        answer=lambda n: (n["a"] - n["b"]) / n["c"],
    ),
    Kind(
        name="three-days",
        text="On Friday {who} walked {a} km, on Saturday {b} km and on Sunday {c} km. How many km did "
        "{who} walk over the three days?",
        ranges={"a": (2, 30, 1), "b": (2, 30, 1), "c": (2, 30, 1)},
        answer=lambda n: n["a"] + n["b"] + n["c"],
    ),
    Kind(
        name="still-missing",
        text="A game costs ${a}. {who} has saved ${b} and earned ${c} by mowing lawns. How many dollars "
        "are still missing?",
        ranges={"a": (60, 120, 1), "b": (5, 30, 1), "c": (5, 29, 1)},
        answer=lambda n: n["a"] - n["b"] - n["c"],
    ),
    Kind(
        name="rate-and-rest",
        text="A printer makes {a} pages a minute. It prints for {b} minutes, and {c} pages are thrown "
        "away. How many pages are kept?",
        ranges={"a": (6, 30, 1), "b": (3, 20, 1), "c": (2, 17, 1)},
        answer=lambda n: n["a"] * n["b"] - n["c"],
    ),
    Kind(
        name="sum-times-price",
        text="{who} picks {a} melons and {other} picks {b} melons. Every melon is sold for ${c}. How "
        "much money do they get in total?",
        ranges={"a": (3, 30, 1), "b": (3, 30, 1), "c": (2, 9, 1)},
        answer=lambda n: (n["a"] + n["b"]) * n["c"],
    ),
    Kind(
        name="weekly",
        text="{who} practises the piano for {a} minutes every day. How many minutes is that in {b} weeks?",
        ranges={"a": (10, 60, 5), "b": (2, 9, 1)},
        answer=lambda n: n["a"] * 7 * n["b"],
    ),
)


def generate_problems(n_records: int, *, seed: int) -> Iterator[str]:
    """``n_records`` JSONL lines, all with different prompts, the kinds in equal parts and mixed."""
    random = Random(f"word-problems-{seed}")
    order = [KINDS[i % len(KINDS)] for i in range(n_records)]
    random.shuffle(order)
    seen: set[str] = set()
    for number, kind in enumerate(order, 1):
        text, answer = _draw(kind, random, seen)
        record = {
            "id": f"problem-{seed}-{number:05d}",
            "messages": [{"role": "user", "content": f"{text} {INSTRUCTION}"}],
            "reference_answer": str(answer),
            "kind": kind.name,
        }
        yield json.dumps(record, ensure_ascii=False)


def _draw(kind: Kind, random: Random, seen: set[str]) -> tuple[str, int]:
    """A problem of this kind that was not drawn before, with its answer."""
    while True:
        numbers = {name: random.randrange(low, high + 1, step) for name, (low, high, step) in kind.ranges.items()}
        who, other = random.sample(NAMES, 2)
        text = kind.text.format(who=who, other=other, things=random.choice(THINGS), **numbers)
        answer = kind.answer(numbers)
        if text not in seen and answer == int(answer) and answer > 0:
            seen.add(text)
            return text, int(answer)
