from __future__ import annotations

import hashlib
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.dataset.fingerprint import dataset_fingerprint
from airflow_provider_bedrock_rft.core.dataset.jsonl import read_numbered_records, read_records, write_records
from airflow_provider_bedrock_rft.core.dataset.lines import read_blocks
from airflow_provider_bedrock_rft.core.dataset.record import Message, Record, canonical_line
from airflow_provider_bedrock_rft.core.errors import InvalidDataset

texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(lambda text: text.strip() != "")
scalars = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts
references = texts | st.dictionaries(texts, texts, min_size=1)
keys = texts.filter(lambda key: key not in {"id", "messages", "tools", "reference_answer"})


@st.composite
def records(draw: st.DrawFn) -> Record:
    turns = [Message(role="user", content=draw(texts))]
    if draw(st.booleans()):
        turns.insert(0, Message(role="system", content=draw(texts)))
    return Record(
        record_id=draw(texts),
        has_own_id=True,
        messages=tuple(turns),
        reference=draw(references),
        metadata=draw(st.dictionaries(keys, scalars, max_size=3)),
    )


@given(st.lists(records(), max_size=5))
def test_records_survive_writing_and_reading(many: list[Record]) -> None:
    stream = io.BytesIO()
    written = write_records(many, stream)
    data = stream.getvalue()
    assert list(read_records(io.BytesIO(data))) == many
    assert (written.n_records, written.size_bytes) == (len(many), len(data))
    assert written.sha256 == hashlib.sha256(data).hexdigest() == dataset_fingerprint(many)


@given(records())
def test_the_fingerprint_ignores_key_order_and_white_space(record: Record) -> None:
    value = json.loads(canonical_line(record))
    shuffled = json.dumps(dict(reversed(value.items())), indent=None, separators=(" , ", " : ")).encode()
    (again,) = read_records(io.BytesIO(shuffled))
    assert dataset_fingerprint([again]) == dataset_fingerprint([record])


@given(st.lists(st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")), max_size=20), st.integers(1, 40))
def test_blocks_keep_every_line_and_number_it(lines: list[bytes], block_bytes: int) -> None:
    data = b"\n".join(lines)
    found = [pair for block in read_blocks(io.BytesIO(data), block_bytes=block_bytes) for pair in block.lines()]
    assert b"".join(line for _, line in found) == data
    assert [number for number, _ in found] == list(range(1, len(found) + 1))


def test_an_overlong_line_is_passed_by_and_the_lines_after_it_keep_their_numbers() -> None:
    data = b"one\n" + b"x" * 5000 + b"\nthree\nfour"
    blocks = list(read_blocks(io.BytesIO(data), block_bytes=100, max_line_bytes=1000))
    assert [block.first_line for block in blocks if block.is_overlong] == [2]
    assert [pair for block in blocks for pair in block.lines()] == [(1, b"one\n"), (3, b"three\n"), (4, b"four")]


def test_a_bad_line_is_named() -> None:
    good = b'{"messages": [{"role": "user", "content": "Hi"}], "reference_answer": "x"}\n'
    with pytest.raises(InvalidDataset, match=r"train\.jsonl:3: malformed-json") as caught:
        list(read_numbered_records(io.BytesIO(good + b"\n" + b"{oops\n"), file="train.jsonl"))
    assert caught.value.details == {"file": "train.jsonl", "line": 3, "code": "malformed-json"}


def test_text_parts_are_joined_and_an_id_is_derived_from_the_content() -> None:
    parts = b'{"messages": [{"role": "User", "content": [{"type": "text", "text": "a"}, {"text": "b"}]}]}'
    plain = b'{"messages": [{"role": "user", "content": "ab"}]}'
    (one,), (two,) = read_records(io.BytesIO(parts)), read_records(io.BytesIO(plain))
    assert one == two
    assert one.record_id.startswith("sha-")
    assert b'"id"' not in canonical_line(one)
