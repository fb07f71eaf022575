"""The word problems the base is brought up on: its own kinds, each with the calculation that solves it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

_NAMES = "Ada Ben Carla Dmitri Eve Farid Gita Hugo Ines Jonas Kira Liam Mona Nils Olga Pavel Quinn Rosa Sven Tara"
NAMES = _NAMES.split()
_THINGS = "apples books stickers marbles cookies pencils coins flowers shirts tickets eggs cards bottles shells"
THINGS = _THINGS.split()
_BOXES = "box bag crate shelf basket tray jar pack"
BOXES = _BOXES.split()
PLURALS = {"box": "boxes", "shelf": "shelves"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A story with its question, and the calculation over its numbers in reading order (``q0 * q1``)."""

    text: str
    program: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cast:
    """Who and what a problem is about."""

    a: str
    b: str
    x: str
    box: str
    random: Random

    def n(self, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        return self.random.randint(low, high)

    @property
    def boxes(self) -> str:
        """Several of the container."""
        return PLURALS.get(self.box, self.box + "s")


Kind = Callable[[Cast], tuple[str, str]]


def _more(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.a} has {c.n(3, 90)} {c.x}. {c.b} gives {c.a} {c.n(2, 60)} more {c.x}. "
            f"How many {c.x} does {c.a} have altogether?"
        ),
        "q0 + q1",
    )


def _left(c: Cast) -> tuple[str, str]:
    return f"{c.a} had {c.n(50, 99)} {c.x} and gave away {c.n(2, 49)} of them. How many {c.x} are left?", "q0 - q1"


def _boxes(c: Cast) -> tuple[str, str]:
    return (
        f"Each {c.box} holds {c.n(3, 24)} {c.x}. {c.a} buys {c.n(2, 20)} {c.boxes}. How many {c.x} does {c.a} have?",
        "q0 * q1",
    )


def _wage(c: Cast) -> tuple[str, str]:
    return (
        f"{c.a} earns ${c.n(8, 40)} an hour. Last week {c.a} worked {c.n(5, 40)} hours. How much money did {c.a} earn?",
        "q0 * q1",
    )


def _share(c: Cast) -> tuple[str, str]:
    n = c.n(2, 9)
    return (
        f"{c.a} shares {n * c.n(3, 15)} {c.x} equally among {n} friends. How many {c.x} does each friend get?",
        "q0 / q1",
    )


def _week(c: Cast) -> tuple[str, str]:
    return f"{c.a} runs {c.n(2, 12)} miles a day. How many miles does {c.a} run in a week?", "q0 * c7"


def _one_of_each(c: Cast) -> tuple[str, str]:
    return (
        (
            f"A shirt costs ${c.n(5, 40)} and a hat costs ${c.n(3, 30)}. {c.a} buys one of each. "
            f"How much does {c.a} pay in total?"
        ),
        "q0 + q1",
    )


def _and_a_bag(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.a} buys {c.n(2, 12)} {c.x} that cost ${c.n(2, 15)} each and a bag for ${c.n(2, 9)}. "
            f"How much does {c.a} spend?"
        ),
        "q0 * q1 + q2",
    )


def _times_as_many(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.b} has {c.n(3, 50)} {c.x}. {c.a} has {c.n(3, 6)} times as many {c.x} as {c.b}. "
            f"How many {c.x} does {c.a} have?"
        ),
        "q0 * q1",
    )


def _half_as_many(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.a} sold {2 * c.n(5, 60)} {c.x} on Monday and half as many {c.x} on Tuesday. "
            f"How many {c.x} did {c.a} sell in total?"
        ),
        "q0 * q1 + q0",
    )


def _older(c: Cast) -> tuple[str, str]:
    return (
        f"{c.a} is {c.n(5, 15)} years older than {c.b}. {c.b} is {c.n(6, 40)} years old. How old is {c.a}?",
        "q0 + q1",
    )


def _discount(c: Cast) -> tuple[str, str]:
    percent = c.random.choice([10, 20, 25, 50])
    return f"A coat costs ${20 * c.n(2, 9)}. It is on sale with {percent}% off. How much is the discount?", "q0 * q1"


def _needs(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.a} needs ${c.n(60, 100)} for a bike. {c.a} has saved ${c.n(10, 30)} and earned ${c.n(5, 25)} more. "
            f"How much more money does {c.a} need?"
        ),
        "q0 - q1 - q2",
    )


def _train(c: Cast) -> tuple[str, str]:
    return (
        f"A train travels {c.n(40, 90)} miles per hour for {c.n(2, 9)} hours. How far does the train go?",
        "q0 * q1",
    )


def _fewer(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.a} has {c.n(20, 60)} {c.x}. {c.b} has {c.n(3, 18)} fewer {c.x} than {c.a}. "
            f"How many {c.x} does {c.b} have?"
        ),
        "q0 - q1",
    )


def _three_days(c: Cast) -> tuple[str, str]:
    return (
        (
            f"On Monday {c.a} picked {c.n(3, 40)} {c.x}, on Tuesday {c.n(3, 40)} {c.x} and on Wednesday "
            f"{c.n(3, 40)} {c.x}. How many {c.x} did {c.a} pick in all?"
        ),
        "q0 + q1 + q2",
    )


def _letters(c: Cast) -> tuple[str, str]:
    return (
        (
            f"{c.a} writes {c.n(2, 5)} letters to {c.n(2, 6)} friends every week. "
            f"How many letters does {c.a} write in {c.n(3, 20)} weeks?"
        ),
        "q0 * q1 * q2",
    )


def _snacks(c: Cast) -> tuple[str, str]:
    return (
        (
            f"A class of {c.n(20, 40)} children goes on a trip. {c.n(2, 9)} children are sick. "
            f"The others get {c.n(2, 5)} snacks each. How many snacks are needed?"
        ),
        "q0 - q1 * q2",
    )


KINDS: tuple[Kind, ...] = (
    _more,
    _left,
    _boxes,
    _wage,
    _share,
    _week,
    _one_of_each,
    _and_a_bag,
    _times_as_many,
    _half_as_many,
    _older,
    _discount,
    _needs,
    _train,
    _fewer,
    _three_days,
    _letters,
    _snacks,
)


def make_problem(random: Random) -> Problem:
    """A problem of one of the base's own kinds."""
    a, b = random.sample(NAMES, 2)
    cast = Cast(a=a, b=b, x=random.choice(THINGS), box=random.choice(BOXES), random=random)
    text, program = random.choice(KINDS)(cast)
    return Problem(text=text, program=tuple(program.split()))


WHOLE_ODDS = {"+": 28, "-": 24, "*": 28, "/": 14, "r-": 4, "r/": 2}
PART_ODDS = {"*": 40, "off": 35, "up": 25}


def make_riddle(random: Random) -> Problem:
    """Numbers in meaningless words, with a calculation drawn by chance: it teaches the base what is usual in general
    (each number once, in order, with whole results) and to stay unsure where it does not know the words.
    """
    n = random.choices((2, 3, 4), (4, 4, 2))[0]
    pieces = []
    for _ in range(n):
        before = " ".join(_nonce(random) for _ in range(random.randint(2, 6)))
        figure = f"{5 * random.randint(1, 15)}%" if random.random() < 0.15 else str(random.randint(2, 60))
        pieces.append(f"{before} {figure} {_nonce(random)}.")
    ending = " ".join(_nonce(random) for _ in range(5))
    return Problem(text=f"{' '.join(pieces)} How many {ending}?", program=_random_program(random, pieces))


def _nonce(random: Random) -> str:
    return "".join(random.choice("bdfgklmnprstv") + random.choice("aeiou") for _ in range(random.randint(2, 4)))


def _random_program(random: Random, pieces: Sequence[str]) -> tuple[str, ...]:
    n = len(pieces)
    order = [f"q{i}" for i in range(n)]
    if random.random() < 0.12:
        random.shuffle(order)
    if random.random() < 0.3:
        order.append(f"q{random.randrange(n)}")
    program = [order[0]]
    for operand in order[1:]:
        odds = PART_ODDS if "%" in pieces[int(operand[1:])] else WHOLE_ODDS
        program += [random.choices(tuple(odds), tuple(odds.values()))[0], operand]
    return tuple(program)
