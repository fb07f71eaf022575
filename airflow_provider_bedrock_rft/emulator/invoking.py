"""The training engine's way to the user's functions: as the service, through the Lambda that really runs."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.functions.invocation import FunctionError, FunctionNotFound
from airflow_provider_bedrock_rft.emulator.training.grading import GraderFailure

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.mounting import AwsMount


class LambdaFunctions:
    """Invokes what an ARN says at the moment: an unqualified one follows the function's code, a version stands."""

    def __init__(self, aws: AwsMount) -> None:
        self._aws = aws

    async def call(self, function: str, payload: bytes, *, account: str, region: str) -> bytes:
        """The function's reply.

        Raises:
            GraderFailure: there was none, or it was an error; the message is the function's own.
        """
        try:
            result = await (await self._aws.plane()).functions.invoke(function, payload, account=account, region=region)
        except FunctionError as error:
            raise GraderFailure(f"{type(error).__name__}: {error}") from error
        if result.function_error is not None:
            raise GraderFailure(_words_of(result.payload))
        return result.payload

    async def exists(self, function: str, *, account: str, region: str) -> bool:
        """True when the function, version or alias is there."""
        catalogue = (await self._aws.plane()).catalogue
        try:
            await asyncio.to_thread(catalogue.resolve, function, None, account=account, region=region)
        except FunctionNotFound:
            return False
        return True


def _words_of(payload: bytes) -> str:
    try:
        error = json.loads(payload)
        return f"{error['errorType']}: {error['errorMessage']}"
    except (ValueError, TypeError, KeyError):
        return payload.decode("utf-8", "replace")[:500] or "the function failed without a word"
