"""A judge on Bedrock Converse, for use inside the Lambda (boto3 is part of its runtime)."""

from __future__ import annotations

from functools import cache
from typing import Any

from airflow_provider_bedrock_rft.core.grader.judge import Judge, JudgeReply, Rubric


def bedrock_judge(
    model: str,
    rubric: str,
    *,
    low: float = 0.0,
    high: float = 10.0,
    max_tokens: int = 0,
    swap_order: bool = True,
    reply_tokens: int = 300,
) -> Judge:
    """A judge that asks ``model`` through Bedrock; its role needs ``bedrock:InvokeModel`` on it (``judge_policy``)."""

    def converse(system: str, user: str) -> JudgeReply:
        answer = _client().converse(
            modelId=model,
            system=[{"text": system}],
            messages=[{"role": "user", "content": [{"text": user}]}],
            inferenceConfig={"maxTokens": reply_tokens, "temperature": 0.0},
        )
        texts = [part["text"] for part in answer["output"]["message"]["content"] if "text" in part]
        usage = answer.get("usage", {})
        return JudgeReply(
            text="".join(texts),
            input_tokens=usage.get("inputTokens", 0),
            output_tokens=usage.get("outputTokens", 0),
        )

    return Judge(Rubric(text=rubric, low=low, high=high), converse, swap_order=swap_order, max_tokens=max_tokens)


def judge_policy(*model_arns: str) -> dict[str, object]:
    """The policy that a judge's execution role needs, and nothing more."""
    statement = {
        "Sid": "AskTheJudge",
        "Effect": "Allow",
        "Action": ["bedrock:InvokeModel"],
        "Resource": list(model_arns),
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


@cache
def _client() -> Any:  # noqa: ANN401 -- boto3's type
    import boto3  # noqa: PLC0415 -- a second of import, spent where a judge is asked
    from botocore.config import Config  # noqa: PLC0415

    return boto3.client("bedrock-runtime", config=Config(retries={"mode": "adaptive", "total_max_attempts": 6}))
