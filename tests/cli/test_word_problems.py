from __future__ import annotations

import json
from collections import Counter

from airflow_provider_bedrock_rft.cli.word_problems import KINDS, generate_problems


def records(n: int, seed: int) -> list[dict[str, object]]:
    return [json.loads(line) for line in generate_problems(n, seed=seed)]


def test_the_same_seed_gives_the_same_bytes() -> None:
    assert list(generate_problems(60, seed=4)) == list(generate_problems(60, seed=4))
    assert list(generate_problems(60, seed=4)) != list(generate_problems(60, seed=5))


def test_prompts_and_ids_are_all_different() -> None:
    found = records(600, 1)
    assert len({json.dumps(record["messages"]) for record in found}) == 600
    assert len({record["id"] for record in found}) == 600


def test_kinds_come_in_equal_parts() -> None:
    counts = Counter(record["kind"] for record in records(12 * len(KINDS), 2))
    assert set(counts.values()) == {12}


def test_answers_are_whole_and_positive() -> None:
    assert all(int(str(record["reference_answer"])) > 0 for record in records(600, 3))


def test_the_answer_follows_from_the_numbers_in_the_text() -> None:
    for kind in KINDS:
        numbers = {name: low for name, (low, _, _) in kind.ranges.items()}
        text = kind.text.format(who="A", other="B", things="pins", **numbers)
        assert all(str(number) in text for number in numbers.values())
