from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest

from airflow_provider_bedrock_rft.core.errors import BudgetExceeded, ConnectionLost, InvalidInput, ServiceUnavailable
from airflow_provider_bedrock_rft.core.evaluation.cost import Price, most_tokens
from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest, Message
from airflow_provider_bedrock_rft.core.steps.purse import Purse, worst_cost

PRICE = Price(prompt=1.0, completion=10.0)


def request(max_tokens: int = 1000) -> CompletionRequest:
    return CompletionRequest(model="m", messages=(Message(role="user", content="2+2?"),), max_tokens=max_tokens)


def test_tokens_have_a_price_and_batch_a_share_of_it() -> None:
    assert PRICE.of(prompt_tokens=500_000, completion_tokens=200_000) == pytest.approx(2.5)
    assert PRICE.of(prompt_tokens=500_000, completion_tokens=200_000, in_batch=True) == pytest.approx(1.25)


@pytest.mark.parametrize("field", ["prompt", "completion", "batch_share"])
@pytest.mark.parametrize("value", [-1.0, float("nan"), float("inf")])
def test_a_price_is_a_number_of_at_least_zero(field: str, value: float) -> None:
    with pytest.raises(InvalidInput, match=field):
        Price(**{"prompt": 1.0, "completion": 1.0, field: value})


def test_a_prompt_has_no_more_tokens_than_bytes() -> None:
    assert most_tokens(["ä" * 100]) > 200
    assert most_tokens(["\ud83d"]) > 1


def test_a_request_that_may_not_fit_is_not_begun() -> None:
    worst = worst_cost(request(), PRICE)
    begun: list[CompletionRequest] = []
    purse = Purse(PRICE, worst * 1.5, spent=worst)
    with pytest.raises(BudgetExceeded, match="max_cost"):
        purse.pay_for(request(), lambda asked: begun.append(asked) or Completion(text=""))  # type: ignore[func-returns-value]
    assert begun == []


def test_what_a_request_leaves_over_pays_for_the_next() -> None:
    purse = Purse(PRICE, worst_cost(request(), PRICE) * 1.5)
    for _ in range(20):
        purse.pay_for(request(), lambda _: Completion(text="4", prompt_tokens=5, completion_tokens=1))


@pytest.mark.parametrize(
    ("error", "is_paid"),
    [
        (ServiceUnavailable("down"), False),
        (ConnectionLost("gone"), True),
        (ConnectionLost("closed", request_sent=False), False),
    ],
)
def test_only_what_may_have_been_answered_is_counted(error: Exception, is_paid: bool) -> None:  # noqa: FBT001
    purse = Purse(PRICE, worst_cost(request(), PRICE) * 1.5)

    def fail(_: CompletionRequest) -> Completion:
        raise error

    with pytest.raises(type(error)):
        purse.pay_for(request(), fail)
    if is_paid:
        with pytest.raises(BudgetExceeded):
            purse.pay_for(request(), lambda _: Completion(text=""))
    else:
        assert purse.pay_for(request(), lambda _: Completion(text="4")).text == "4"


@pytest.mark.parametrize("seed", range(3))
def test_many_threads_never_pass_the_limit(seed: int) -> None:
    random, lock = Random(seed), threading.Lock()
    limit = worst_cost(request(), PRICE) * 7
    spent = 0.0

    def complete(asked: CompletionRequest) -> Completion:
        nonlocal spent
        with lock:
            n = random.randint(1, asked.max_tokens)
            spent += PRICE.of(prompt_tokens=5, completion_tokens=n)
        return Completion(text="", prompt_tokens=5, completion_tokens=n)

    purse = Purse(PRICE, limit)
    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(purse.pay_for, request(), complete) for _ in range(100)]
    refused = sum(isinstance(one.exception(), BudgetExceeded) for one in asked)
    assert 0 < refused < 100
    assert spent <= limit
    assert spent + worst_cost(request(), PRICE) > limit, "what was left would have paid for another"
