"""Small records in words, with the fields to copy out of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.learner.pretraining.problems import NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from random import Random

KEYS: Mapping[str, Sequence[str]] = {
    "name": ("name", "customer", "client_name", "vendor", "person"),
    "date": ("date", "due_date", "day", "issued"),
    "number": ("total", "amount", "price", "tax", "quantity"),
    "code": ("order_id", "id", "invoice_id", "number", "reference"),
    "mail": ("email", "contact", "address"),
}
"""What fields are called that hold a piece of each kind."""

TEMPLATES = ("The {word} is {value}.", "{word}: {value}.", "{value} was given as {word}.", "We noted {value}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A prompt asking for fields, and their right values in the order asked for."""

    text: str
    values: tuple[str, ...]


def make_record(random: Random) -> Record:
    """Three to five facts of different kinds, told in any order, and a request for them as JSON."""
    kinds = random.sample(sorted(KEYS), random.randint(3, 5))
    facts = {random.choice(KEYS[kind]): _value(kind, random) for kind in kinds}
    told = [random.choice(TEMPLATES).format(word=key.replace("_", " "), value=value) for key, value in facts.items()]
    random.shuffle(told)
    keys = ", ".join(f'"{key}"' for key in facts)
    template = "{" + ", ".join(f'"{key}": "..."' for key in facts) + "}"
    asked = random.choice((f"Return JSON with the keys {keys}.", f"Extract as JSON: {template}"))
    return Record(text=f"{' '.join(told)}\n\n{asked}", values=tuple(facts.values()))


def _value(kind: str, random: Random) -> str:
    match kind:
        case "name":
            return " ".join(random.sample(NAMES, 2))
        case "date":
            return f"20{random.randint(10, 29)}-{random.randint(10, 12)}-{random.randint(10, 28)}"
        case "number":
            return f"{random.choice(('$', ''))}{random.randint(10, 999)}.{random.randint(10, 99)}"
        case "code":
            return f"{random.choice(('OR', 'INV', 'A', 'REF'))}-{random.randint(1000, 9999)}"
        case _:
            return f"{random.choice(NAMES).lower()}@example.com"
