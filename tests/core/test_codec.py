from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.codec import canonical_json, dump, fingerprint, load, payload
from airflow_provider_bedrock_rft.core.errors import InvalidPayload
from airflow_provider_bedrock_rft.core.identifiers import ModelId


@payload("test.thing", version=2)
@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    sizes: tuple[int, ...] = ()
    notes: dict[str, float] = field(default_factory=dict)


things = st.builds(
    Thing,
    name=st.text(),
    sizes=st.lists(st.integers(-(2**60), 2**60)).map(tuple),
    notes=st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
)


@given(things)
def test_what_is_dumped_is_loaded_again(thing: Thing) -> None:
    assert load(Thing, dump(thing)) == thing


def test_a_field_from_a_newer_writer_is_ignored() -> None:
    assert load(Thing, {**dump(Thing(name="a")), "colour": "red"}) == Thing(name="a")


def test_an_older_version_is_read() -> None:
    assert load(Thing, {"kind": "test.thing", "version": 1, "name": "a"}) == Thing(name="a")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"kind": "test.thing", "version": 3, "name": "a"}, "Upgrade airflow-provider-bedrock-rft"),
        ({"kind": "test.thing", "name": "a"}, "version None"),
        ({"kind": "test.other", "version": 1, "name": "a"}, "found 'test.other'"),
        ({"kind": "test.thing", "version": 2}, "missing required field `name`"),
        (None, "found 'NoneType'"),
        ("text", "found 'str'"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(data: object, sentence: str) -> None:
    with pytest.raises(InvalidPayload, match=sentence):
        load(Thing, data)


def test_equal_values_have_equal_fingerprints_whatever_their_order() -> None:
    assert fingerprint({"a": 1, "b": [1, 2]}) == fingerprint({"b": [1, 2], "a": 1})
    assert fingerprint({"a": 1}) != fingerprint({"a": 2})


def test_identifiers_are_plain_text_in_json() -> None:
    assert canonical_json({"model": ModelId.parse("m")}) == b'{"model":"m"}'


def test_what_has_no_json_form_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="object has no JSON form"):
        canonical_json({"a": object()})
