from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.core.grader.reward import as_reward
from airflow_provider_bedrock_rft.grading import (
    citation_required,
    final_answer,
    json_fields,
    json_schema,
    json_valid,
    length_within,
    marked_number,
    maths_equivalent,
    mentions_terms,
    multiple_choice,
    normalised_match,
    only_json,
    parse_number,
    reference_number,
    regex_match,
    sql_equivalent,
    text_similarity,
    tool_call_match,
)


@settings(deadline=None)
@given(st.integers(-(10**12), 10**12))
def test_integers_are_read_in_every_grouping(number: int) -> None:
    for text in (
        f"{number}",
        f"{number:,}",
        f"{number:_}",
        f"{number}.0",
        f"**{number}**",
        f"${number}$",
        f"{number} km",
    ):
        assert parse_number(text) == number, text


@settings(deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=4))
def test_decimals_are_read_exactly(number: object) -> None:
    assert parse_number(str(number)) == Fraction(str(number))


@settings(deadline=None)
@given(st.fractions(max_denominator=10**6))
def test_fractions_are_read_in_both_writings(number: Fraction) -> None:
    assert parse_number(f"{number.numerator}/{number.denominator}") == number
    assert parse_number(f"\\frac{{{number.numerator}}}{{{number.denominator}}}") == number


@settings(deadline=None)
@given(st.text(max_size=300))
def test_no_text_breaks_a_grader(text: str) -> None:
    for grader in (marked_number, normalised_match, multiple_choice, text_similarity):
        assert 0.0 <= as_reward(grader(text, "72")).value <= 1.0
    assert 0.0 <= json_fields(text, {"a": 1}).value <= 1.0
    assert 0.0 <= tool_call_match(text, {"name": "f", "arguments": {}}).value <= 1.0
    final_answer(text)
    only_json(text)


@pytest.mark.parametrize(
    ("reference", "number"),
    [
        ("She has 3 + 4 = <<3+4=7>>7 apples.\n#### 7", 7),
        ({"answer": 84}, 84),
        ({"answer": "1,234"}, 1234),
        ({"text": "#### 5"}, 5),
        (0, 0),
        (0.5, Fraction(1, 2)),
        ("5 apples and 7 pears", 7),
        ("none", None),
        (None, None),
        (True, None),
        ({}, None),
    ],
)
def test_a_reference_stands_for_its_number(reference: object, number: object) -> None:
    assert reference_number(reference) == number


@pytest.mark.parametrize("grader", [marked_number, maths_equivalent, text_similarity, sql_equivalent()])
def test_a_reference_that_cannot_be_graded_is_an_error_not_a_score(grader: object) -> None:
    with pytest.raises(ValueError, match="reference"):
        grader("x", None)  # type: ignore[operator]


@pytest.mark.parametrize(
    "text", ["9" * 10_000, "1e" + "9" * 50, "{" * 50_000, "[" * 50_000, "\\boxed{" * 5_000, "(" * 10_000]
)
def test_hostile_lengths_are_answered_quickly_with_nothing(text: str) -> None:
    assert marked_number(f"#### {text}", "72").value == 0.0
    assert maths_equivalent(text, "72").value == 0.0
    assert json_valid(text) == 0.0
    assert sql_equivalent()(text, "SELECT a FROM t").value == 0.0


def test_citations_have_to_exist_and_not_be_sprayed() -> None:
    grade = citation_required(r"Art\. (\d+)", known=["6", "13"], max_citations=3)
    assert grade("See Art. 6 and Art. 13.").value == 1.0
    assert grade("See Art. 6 and Art. 99.").value == 0.5
    assert grade("No source.").value == 0.0
    assert grade(" ".join(f"Art. {n}" for n in range(20))).value == 0.0
    assert citation_required(r"\[\d+\]")("as shown [3]").value == 1.0


def test_terms_want_a_text_around_them() -> None:
    grade = mentions_terms(["shaft seal", "torque"])
    text = "We replaced the shaft seal after it leaked and tightened all of the bolts to the given torque."
    assert grade(text).value == 1.0
    assert grade("shaft seal torque").value == 0.0
    assert grade("shaft seal torque " * 40).value == 0.0
    assert grade(text.replace("torque", "value")).value == 0.5


def test_length_falls_off_above_its_bound() -> None:
    grade = length_within(max_words=10)
    assert [grade("word " * n).value for n in (0, 1, 10, 15, 20, 99)] == [0.0, 1.0, 1.0, 0.5, 0.0, 0.0]


def test_form_is_matched_as_a_whole_unless_told_otherwise() -> None:
    assert regex_match(r"[A-Z]-\d{3}")(" E-104 ").value == 1.0
    assert regex_match(r"[A-Z]-\d{3}")("code E-104").value == 0.0
    assert regex_match(r"[A-Z]-\d{3}", whole=False)("code E-104").value == 1.0


def test_schema_pays_a_little_for_json_that_it_does_not_allow() -> None:
    grade = json_schema({"type": "object", "required": ["a"]})
    assert [grade(text).value for text in ('{"a": 1}', '{"b": 1}', "a: 1")] == [1.0, 0.2, 0.0]


def test_a_schema_that_is_wrong_is_refused_when_the_grader_is_made() -> None:
    import jsonschema

    with pytest.raises(jsonschema.SchemaError):
        json_schema({"type": "no-such-type"})


def test_fields_earn_partial_credit_and_inventions_cost() -> None:
    reference = {"a": 1, "b": "x"}
    assert json_fields('{"a": 1, "b": "y"}', reference).value == 0.5
    assert json_fields('{"a": 1, "b": "x", "c": 0, "d": 0}', reference).value == 0.5
    assert json_fields('{"a": 1, "b": "x"}', '{"a": 1, "b": "x"}').value == 1.0


@pytest.mark.parametrize(
    "text", ["9^9^9^9", "9^{9^{9^9}}", "2^{99999}", "99999!", "9!!!!", "1e99999", "(9^9)^9^9", "10**99999"]
)
def test_short_texts_of_enormous_numbers_are_answered_quickly(text: str) -> None:
    assert maths_equivalent(f"\\boxed{{{text}}}", "72").value == 0.0


def test_boxes_are_found_however_they_nest() -> None:
    from airflow_provider_bedrock_rft.core.grader.library.answers import boxed

    assert boxed(r"\boxed{\frac{1}{2}} and \boxed {x} } {") == [r"\frac{1}{2}", "x"]
    assert boxed(r"\boxed{a \boxed{b}}") == ["b", r"a \boxed{b}"]
    assert boxed(r"\boxed{") == []
