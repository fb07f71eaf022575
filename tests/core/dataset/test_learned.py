from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.dataset.check import CheckOptions, check_dataset
from airflow_provider_bedrock_rft.core.dataset.equality import prompt_key, reference_key
from airflow_provider_bedrock_rft.core.dataset.jsonl import examine_line
from airflow_provider_bedrock_rft.core.dataset.learned import LearnedFormat
from airflow_provider_bedrock_rft.core.dataset.proof import structure_of
from airflow_provider_bedrock_rft.core.dataset.quota import Requirements, Target
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record
from airflow_provider_bedrock_rft.core.dataset.reference import may_give_away, notes_on_reference_in_prompt
from airflow_provider_bedrock_rft.core.dataset.shapes import shape_of
from airflow_provider_bedrock_rft.core.dataset.source import Source

NEEDS = Requirements.of([Target.MANTLE])
CLEAN = Path(__file__).parent / "data" / "clean"
SAMPLE = {"id": "a", "messages": [{"role": "user", "content": "Why?"}], "reference_answer": "So.", "level": 1}
FORMAT = LearnedFormat.learn([SAMPLE], None)

pieces = st.sampled_from(
    ["a", " ", "\\", '"', "\n", "\x00", "\x07", "\b", "\f", "\x7f", "\x85", "\u200b", "\ufeff", "\u2028", "é", "中", "\U0001f600",
     "\\u0041", "\\b", "####", "answer is ", "14", "}\n{", '"role":', "\ud800"]
)  # fmt: skip
texts = st.lists(pieces, max_size=6).map("".join)
values = st.fixed_dictionaries(
    {
        "id": texts,
        "messages": st.lists(
            st.fixed_dictionaries({"role": st.sampled_from(["user", "system", "assistant", "User"]), "content": texts}),
            max_size=3,
        ),
        "reference_answer": texts | st.none() | st.integers(),
        "level": st.integers() | st.just(2**53 + 1) | st.floats(allow_nan=False) | st.booleans(),
    }
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(
        st.tuples(values, st.booleans(), st.sampled_from(["", "", ', "level": 1', "x", " ", "\r"])),
        min_size=1,
        max_size=3,
    )
)
def test_what_is_proved_sound_has_no_notes_when_examined(drawn: list[tuple[dict[str, object], bool, str]]) -> None:
    assert FORMAT is not None
    lines = []
    for value, is_ascii, surplus in drawn:
        text = json.dumps(value, ensure_ascii=is_ascii)
        line = text[:-1] + surplus + text[-1:] if surplus.startswith(",") else text + surplus
        lines.append(line.encode("utf-8", "surrogatepass"))
    data = b"".join(line + b"\n" for line in lines)
    block = FORMAT.prove_sound(data)
    if block is None:
        return
    examined = [examine_line(line.strip(), NEEDS) for line in lines]
    assert [each.notes for each in examined] == [()] * len(lines)
    records = [each.record for each in examined if each.record is not None]
    assert list(block.prompts) == [prompt_key(record) for record in records]
    assert list(block.references) == [reference_key(record.reference) for record in records]
    assert list(block.ids) == [hash(record.record_id) for record in records]
    assert not any(notes_on_reference_in_prompt(record) for record in records)


RICH: list[dict[str, object]] = [
    {"messages": SAMPLE["messages"], "reference_answer": {"answer": "4", "steps": ["one"], "n": 2}, "share": 0.5},
    {"messages": SAMPLE["messages"], "reference_answer": {"a": {"b": "c"}}, "tags": ["x", "y"], "none": None},
    {
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}],
        "reference_answer": "So.",
        "source": {"name": "book", "page": 3, "ok": True},
    },
]
numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.just(2**53 + 1)
odd_leaves: st.SearchStrategy[object] = texts | numbers | st.booleans() | st.none() | st.just({}) | st.just([])


@st.composite
def like(draw: st.DrawFn, sample: object) -> object:
    """A value of the sample's shape; here and there of another."""
    if draw(st.integers(0, 30)) == 0:
        return draw(odd_leaves)
    if isinstance(sample, dict):
        return {key: draw(like(item)) for key, item in sample.items()}
    if isinstance(sample, list):
        return [draw(like(item)) for item in sample]
    if isinstance(sample, str):
        return sample if sample in {"user", "system"} else draw(texts)
    return draw(numbers) if isinstance(sample, (int, float)) and not isinstance(sample, bool) else sample


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_rich_formats_are_proved_as_soundly(data: st.DataObject) -> None:
    sample = data.draw(st.sampled_from(RICH))
    learned = LearnedFormat.learn([sample], None)
    assert learned is not None
    values = data.draw(st.lists(like(sample), min_size=1, max_size=3))
    twice = data.draw(st.sampled_from(["", "", '"reference_answer": "x", ', '"messages": [], ']))
    lines = ["{" + twice + json.dumps(value)[1:] if isinstance(value, dict) and value else "{}" for value in values]
    block = learned.prove_sound("".join(f"{line}\n" for line in lines).encode("utf-8", "surrogatepass"))
    if block is None:
        return
    examined = [examine_line(line.encode("utf-8", "surrogatepass"), NEEDS) for line in lines]
    assert [each.notes for each in examined] == [()] * len(lines)
    records = [each.record for each in examined if each.record is not None]
    assert list(block.prompts) == [prompt_key(record) for record in records]
    assert list(block.references) == [reference_key(record.reference) for record in records]
    assert {shape_of(record) for record in records} == {learned.shape}
    assert not any(notes_on_reference_in_prompt(record) for record in records)


@pytest.mark.parametrize("sample", RICH)
def test_rich_formats_take_the_fast_way(sample: dict[str, object]) -> None:
    learned = LearnedFormat.learn([sample, sample], None)
    assert learned is not None
    assert learned.prove_sound(json.dumps(sample).encode() + b"\n") is not None


@pytest.mark.parametrize("line", [
    '{"a": 1}{"a": 2}', '{"a": 1} {"a": 2}', '{"a":\n1}', '{"a": "\\u200B"}', '{"a": "\\u0007"}', '{"a": "\\b"}',
    '{"a": "\u2028"}', '{"a": "\x7f"}', ' {"a": 1}', '{"a": 1} ', '{"a": "\\\\\\u0000"}',
])  # fmt: skip
def test_what_bytes_cannot_rule_out_is_looked_at_again(line: str) -> None:
    structure = structure_of(f"{line}\n".encode(), has_fractions=True)
    assert structure is None or structure.n_lines != 1 or structure.n_quotes != 2


@pytest.mark.parametrize(
    ("line", "n_quotes"),
    [
        ('{"a": 1}', 2),
        ('{"a": "\\\\", "b": "\\""}', 8),
        ('{"a": "\\\\\\"\\n\\u00e9\\ud83d\\ude00"}', 4),
        ('{"a": "\\u0022"}', 4),
    ],
)
def test_quotes_that_are_part_of_a_text_are_not_counted(line: str, n_quotes: int) -> None:
    assert json.loads(line)
    structure = structure_of(f"{line}\n".encode(), has_fractions=True)
    assert structure is not None
    assert (structure.n_lines, structure.n_quotes) == (1, n_quotes)


def test_numbers_of_too_many_digits_are_looked_at_again() -> None:
    exact, inexact = b'{"a": 0.12345678901234}\n', b'{"a": 0.12345678901234567}\n'
    assert structure_of(exact, has_fractions=True) is not None
    assert structure_of(inexact, has_fractions=True) is None
    assert structure_of(inexact, has_fractions=False) is not None


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["14", "####", "Answer:", "the answer is", "label =", " ", "\u3000", "\n", "$", "x", "1"]),
        max_size=8,
    ).map("".join),
    st.sampled_from(["14", "so\n#### 14", "x", "1 4", "14" * 40]),
)
def test_the_quick_look_for_the_answer_misses_nothing(prompt: str, reference: str) -> None:
    record = Record(record_id="a", messages=(Message(role="user", content=prompt),), reference=reference)
    if notes_on_reference_in_prompt(record):
        assert may_give_away(reference, prompt)


@pytest.mark.parametrize("name", ["word_problems", "moderation", "chinese"])
def test_clean_data_take_the_fast_way(name: str) -> None:
    data = (CLEAN / f"{name}.jsonl").read_bytes()
    learned = LearnedFormat.learn([json.loads(line) for line in data.splitlines()], None)
    assert learned is not None
    assert learned.prove_sound(data) is not None


def test_faults_far_into_a_large_file_are_found_on_their_lines() -> None:
    lines = [
        json.dumps(
            {
                **SAMPLE,
                "id": f"r{n}",
                "messages": [{"role": "user", "content": f"Why is {n} so large?"}],
                "reference_answer": f"Because {n}.",
            }
        )
        for n in range(12_000)
    ]
    lines[7_000] = "{oops"
    lines[9_000] = lines[8_000]
    lines[9_500] = lines[9_500].replace('"level": 1', '"level": 1, "level": 2')
    lines[10_000] = lines[10_000].replace('"level": 1', '"level": "one"')
    report = check_dataset([Source.of_bytes("\n".join(lines).encode())], CheckOptions(deep=None))
    assert report.n_records == 11_998
    assert [(each.code, each.place.line, each.other.line if each.other else 0) for each in report.findings] == [
        ("malformed-json", 7_001, 0),
        ("duplicate-record", 9_001, 8_001),
        ("duplicate-id", 9_001, 8_001),
        ("duplicate-key", 9_501, 0),
        ("mixed-metadata", 10_001, 0),
    ]
