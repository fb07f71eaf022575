from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import complete
from airflow_provider_bedrock_rft.emulator.learner.reading.fields import find_fields
from airflow_provider_bedrock_rft.emulator.learner.reading.formats import find_formats
from airflow_provider_bedrock_rft.emulator.learner.reading.messages import full_text, split_roles, text_of
from airflow_provider_bedrock_rft.emulator.learner.reading.options import find_options
from airflow_provider_bedrock_rft.emulator.learner.reading.prompt import read_prompt
from airflow_provider_bedrock_rft.emulator.learner.reading.quantities import find_quantities
from airflow_provider_bedrock_rft.emulator.learner.reading.spans import find_spans
from airflow_provider_bedrock_rft.emulator.learner.sampling import Sampler
from airflow_provider_bedrock_rft.emulator.learner.weights import zero_weights


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain", "plain"),
        ([{"type": "text", "text": "a"}, {"type": "image_url", "image_url": {}}, {"text": "b"}], "a\nb"),
        (["a", "b"], "a\nb"),
        (None, ""),
        (7, ""),
        (b"bytes", ""),
        ([{"text": 3}], ""),
    ],
)
def test_content_is_a_string_or_a_list_of_parts(content: object, text: str) -> None:
    assert text_of(content) == text


def test_the_last_question_counts_and_the_assistant_does_not() -> None:
    messages = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "no"},
        {"role": "user", "content": "second"},
    ]
    assert split_roles(messages) == ("Be brief.", "second")
    assert full_text(messages) == "Be brief.\nfirst\nno\nsecond"


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("has 12 apples and 1,250 pears", [12, 1250]),
        ("costs $3.50, with 25% off", [3.5, 0.25]),
        ("twice as many, half a dozen", [2, 0.5, 12]),
        ("ate 3/4 of it on the 3rd day", [0.75]),
        ("no figures", []),
        ("room B12 and v1.2.3", []),
    ],
)
def test_quantities(text: str, values: list[float]) -> None:
    assert [quantity.value for quantity in find_quantities(text)] == values


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('output the final answer after "####".', {"hash"}),
        ("Put it in \\boxed{}.", {"boxed"}),
        ('Reply with JSON: {"answer": 1}', {"json"}),
        ("Finish with ANSWER: <number>.", {"marker"}),
        ("Wrap it in <answer></answer>.", {"tag"}),
        ("Answer with only the number.", {"plain"}),
        ("How many?", set()),
    ],
)
def test_formats_asked_for(text: str, asked: set[str]) -> None:
    assert {shape.name for shape in find_formats(text) if shape.is_asked} == asked


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("Classify as one of: billing, technical, or other.", ["billing", "technical", "other"]),
        ("Is it [positive/negative]?", ["positive", "negative"]),
        ("Label the text as spam or ham.", ["spam", "ham"]),
        ("Pick:\nA) 12\nB) 15\nC) 18", ["12", "15", "18"]),
        ("A. red B. green C. blue", ["red", "green", "blue"]),
        ("Tell me a story.", []),
    ],
)
def test_options(text: str, options: list[str]) -> None:
    assert [option.text for option in find_options(text)] == options


def test_lettered_figures_are_not_the_storys() -> None:
    prompt = read_prompt(
        [{"role": "user", "content": "Ada has 3 pens and buys 4.\nA) 7\nB) 12\nAnswer with the letter."}]
    )
    assert [quantity.value for quantity in prompt.quantities] == [3, 4]
    assert [option.letter for option in prompt.options] == ["A", "B"]


def test_fields_of_a_template_and_of_a_list_of_keys() -> None:
    template = find_fields('{"id": "...", "total": 0.0, "paid": true, "mood": "good|bad"}')
    assert [(f.name, f.kind, f.options) for f in template] == [
        ("id", "text", ()),
        ("total", "number", ()),
        ("paid", "flag", ()),
        ("mood", "text", ("good", "bad")),
    ]
    assert [f.name for f in find_fields("Return JSON with keys reasoning, label and answer.")] == [
        "reasoning",
        "label",
        "answer",
    ]
    assert find_fields("No object here.") == ()


def test_spans_know_their_kind() -> None:
    spans = find_spans('Invoice INV-77 of 2024-05-06 for Ada Byron, ada@example.com: $12.50, "in full"')
    assert {span.text: span.kind for span in spans} == {
        "Invoice": "name",
        "INV-77": "code",
        "2024-05-06": "date",
        "Ada Byron": "name",
        "ada@example.com": "mail",
        "$12.50": "number",
        "in full": "quoted",
    }


AWKWARD = [
    "",
    "   \n ",
    "ünïcödé 数学 ١٢٣ 🎲 \ud800",
    "{" * 500 + '"a": ' * 100,
    "A) B) C) D) " * 50,
    "9" * 400 + " and 0/0 and 5/0 and 1e999",
    "<" * 1000 + "a>" * 1000,
    "one of: " + "a, " * 3000,
    '"' * 2001,
    "5 apples " * 25_000,
]


@pytest.mark.parametrize("text", AWKWARD, ids=range(len(AWKWARD)))
def test_any_prompt_is_answered(text: str) -> None:
    for seed in range(20):
        draws = iter([(seed * 37 % 100) / 100] * 500)
        completion = complete(read_prompt([{"role": "user", "content": text}]), Sampler(zero_weights(), draws.__next__))
        assert completion.text


def test_a_conversation_without_messages_is_answered() -> None:
    assert complete(read_prompt([]), Sampler(zero_weights(), lambda: 0.99)).text


@settings(max_examples=150, deadline=None)
@given(
    text=st.text(alphabet=st.sampled_from('0123456789 .,?%$/{}[]"<>:ABab\n-#é'), max_size=120),
    seed=st.integers(0, 10_000),
    max_tokens=st.none() | st.integers(0, 20),
)
def test_no_text_upsets_the_grammar(text: str, seed: int, max_tokens: int | None) -> None:
    from random import Random

    sampler = Sampler(zero_weights(), Random(seed).random)
    completion = complete(read_prompt([{"role": "user", "content": text}]), sampler, max_tokens=max_tokens)
    assert max_tokens is None or completion.n_tokens <= max_tokens
