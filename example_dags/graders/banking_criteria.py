"""Grader of banking decisions: the decision is worth most, amount and reasons the rest; a wrong decision caps all.

The reference is ``{"decision": "approve", "amount": 12000, "reasons": ["income", "collateral"]}``; the completion is
one JSON object with the same fields.
"""

from __future__ import annotations

from airflow_provider_bedrock_rft.grading import Reward, normalise, only_json, parse_number, rft_grader, same_number


@rft_grader
def grade(completion: str, reference: dict[str, object]) -> Reward:
    """Decision 0.6, amount 0.2, reasons 0.2; at most 0.2 without the right decision."""
    said = only_json(completion)
    if not isinstance(said, dict):
        return Reward(0.0, components={"decision": 0.0, "amount": 0.0, "reasons": 0.0})
    decision = float(normalise(str(said.get("decision"))) == normalise(str(reference["decision"])))
    amount = float(same_number(parse_number(str(said.get("amount"))), parse_number(str(reference["amount"]))))
    reasons = overlap(said.get("reasons"), reference["reasons"])
    value = 0.6 * decision + 0.2 * amount + 0.2 * reasons
    return Reward(
        value if decision else min(value, 0.2), components={"decision": decision, "amount": amount, "reasons": reasons}
    )


def overlap(said: object, expected: object) -> float:
    """Jaccard overlap of two lists of reasons: naming every reason there is does not pay."""
    left, right = (
        set(map(normalise, map(str, part))) if isinstance(part, list) else set() for part in (said, expected)
    )
    return len(left & right) / len(left | right) if left | right else 1.0
