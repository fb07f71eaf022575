"""A limit on money that is never passed: whatever is under way is counted at its worst."""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import BudgetExceeded, ConnectionLost
from airflow_provider_bedrock_rft.core.evaluation.cost import most_tokens

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_bedrock_rft.core.evaluation.cost import Price
    from airflow_provider_bedrock_rft.core.ports import Completion, CompletionRequest


def worst_cost(request: CompletionRequest, price: Price, *, in_batch: bool = False) -> float:
    """More than a request can cost."""
    return price.of(
        prompt_tokens=most_tokens([message.role + message.content for message in request.messages]),
        completion_tokens=request.max_tokens,
        in_batch=in_batch,
    )


class Purse:
    """A limit on money. Safe to use from many threads.

    A request is begun only when it fits at its worst beside all that is spent or under way; while others are under way
    it waits for what they leave over.
    """

    def __init__(self, price: Price, limit: float, *, spent: float = 0.0) -> None:
        self._price = price
        self._limit = limit
        self._spent = spent
        self._held: list[float] = []
        self._changed = threading.Condition()

    def charge(self, cost: float) -> None:
        """Count what was paid for already."""
        with self._changed:
            self._spent += cost

    def pay_for(self, request: CompletionRequest, complete: Callable[[CompletionRequest], Completion]) -> Completion:
        """Have a request carried out.

        Raises:
            BudgetExceeded: It does not fit, and nothing is under way that could leave something over.
        """
        worst = worst_cost(request, self._price)
        self.hold(worst)
        cost = 0.0
        try:
            completion = complete(request)
            cost = self._price.of(
                prompt_tokens=completion.prompt_tokens, completion_tokens=completion.completion_tokens
            )
        except ConnectionLost as error:
            if error.details.get("request_sent", True):  # it may have been answered, and has to be paid for
                cost = worst
            raise
        finally:
            self.settle(worst, cost)
        return completion

    def hold(self, worst: float) -> None:
        """Set aside what something may cost; :meth:`settle` says what it did.

        Raises:
            BudgetExceeded: It does not fit, and nothing is under way that could leave something over.
        """
        with self._changed:
            while self._held and not self._has_room_for(worst):
                self._changed.wait()
            self._refuse(worst)
            self._held.append(worst)

    def settle(self, worst: float, cost: float) -> None:
        """What was set aside has cost so much."""
        with self._changed:
            self._held.remove(worst)
            self._spent += cost
            self._changed.notify_all()

    def _has_room_for(self, cost: float) -> bool:
        return math.fsum([self._spent, cost, *self._held]) <= self._limit

    def _refuse(self, cost: float) -> None:
        if not self._has_room_for(cost):
            raise BudgetExceeded(
                f"{self._spent:.4g} of {self._limit:.4g} are spent, and what comes next may cost {cost:.4g}.",
                action="Raise max_cost to go on: only what is missing is asked for. Or evaluate fewer samples.",
                spent=self._spent,
                allowed=self._limit,
            )
