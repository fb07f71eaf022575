"""Base models and judges answered by another server that speaks the OpenAI protocol; tuned models never are."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow_provider_bedrock_rft.emulator.answering import LocalAnswerer, PlainAnswer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Sequence

    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mantle.inference import Answer, Sampling
    from airflow_provider_bedrock_rft.emulator.mantle.models import Policy

KEY_VARIABLE = "EMULATOR_UPSTREAM_KEY"
_TIMEOUT_SECONDS = 600.0
_CALLERS_FAULT = {400, 404, 409, 413, 422}


class UpstreamFailure(Exception):
    """The other server refused or could not be reached. ``status`` is what the emulator answers with."""

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        self.message = message
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class UpstreamSettings:
    """Where to forward to. ``models`` maps ids asked for to ids there; empty, every base model goes under its own."""

    url: str
    key: str = field(default="", repr=False)
    models: Mapping[str, str] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The host that prompts are sent to."""
        return urlsplit(self.url).hostname or ""


def parse_upstream(url: str, pairs: Iterable[str], key: str) -> UpstreamSettings:
    """The settings of a command line; each pair is ``id=id there``.

    Raises:
        ValueError: the URL or a pair makes no sense.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError(f"--upstream must be an http or https URL such as http://127.0.0.1:11434/v1, not {url!r}")
    models: dict[str, str] = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise ValueError(f"--upstream-model must be MODEL=MODEL_THERE, not {pair!r}")
        models[ours] = theirs
    return UpstreamSettings(url=url.rstrip("/"), key=key, models=models)


class Upstream:
    """The other server."""

    def __init__(self, settings: UpstreamSettings) -> None:
        self._settings = settings
        self._client: Any = None

    def model_of(self, policy: Policy) -> str | None:
        """The model there that answers for a policy; None where local-sim does."""
        if policy.weights is not None:
            return None
        models = self._settings.models
        return (models.get(policy.model) or models.get(policy.base)) if models else policy.base

    async def chat(self, body: Json) -> Json:
        """The reply to a chat completion.

        Raises:
            UpstreamFailure: there was none.
        """
        with self._translated():
            answer = await self._there().post("/chat/completions", cast_to=object, body=body)
            if not isinstance(answer, dict) or not answer.get("choices"):
                raise UpstreamFailure(503, f"{self._settings.host} answered something that is no chat completion.")
            return answer

    async def stream(self, body: Json) -> AsyncIterator[Json]:
        """The chunks of a streamed chat completion; it has been accepted there when this returns.

        Raises:
            UpstreamFailure: it was not.
        """
        rest = {name: value for name, value in body.items() if name not in {"model", "messages", "stream"}}
        completions = self._there().chat.completions.with_streaming_response
        opened = contextlib.AsyncExitStack()
        with self._translated():
            response = await opened.enter_async_context(
                completions.create(model=body["model"], messages=body["messages"], stream=True, extra_body=rest)
            )
        return _chunks(opened, response)

    async def close(self) -> None:
        """Let go of the connections."""
        if self._client is not None:
            await self._client.close()

    def _there(self) -> Any:  # noqa: ANN401 -- the SDK is imported late
        if self._client is None:
            import openai  # noqa: PLC0415 -- slow, and rarely needed

            self._client = openai.AsyncOpenAI(
                base_url=self._settings.url,
                api_key=self._settings.key or "none",
                timeout=_TIMEOUT_SECONDS,
                max_retries=0,
            )
            self._client.organization = self._client.project = None
        return self._client

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        import openai  # noqa: PLC0415 -- slow, and rarely needed

        try:
            yield
        except openai.APIStatusError as error:
            raise UpstreamFailure(_status(error.status_code), f"{self._settings.host}: {error.message}") from error
        except openai.OpenAIError as error:
            raise UpstreamFailure(503, f"{self._settings.host} gave no answer: {error}") from error


class ForwardingAnswerer:
    """Asks the other server where it is to answer, and local-sim elsewhere."""

    def __init__(self, local: LocalAnswerer, upstream: Upstream) -> None:
        self._local = local
        self._upstream = upstream

    async def answer(
        self, policy: Policy, messages: Sequence[Mapping[str, str]], sampling: Sampling, seed: int
    ) -> Answer:
        """One completion.

        Raises:
            UpstreamFailure: the other server gave none.
        """
        model = self._upstream.model_of(policy)
        if model is None:
            return await self._local.answer(policy, messages, sampling, seed)
        body: Json = {"model": model, "messages": list(messages), "temperature": sampling.temperature, "seed": seed}
        if sampling.max_tokens is not None:
            body["max_tokens"] = sampling.max_tokens
        return _plain(await self._upstream.chat(body))


def with_model(document: Json, model: str) -> Json:
    """A reply or chunk that names the model as it was asked for."""
    return {**document, "model": model}


def _plain(answer: Json) -> PlainAnswer:
    choice, usage = answer["choices"][0], answer.get("usage") or {}
    message = choice.get("message") or {}
    return PlainAnswer(
        text=message.get("content") or "",
        reasoning=message.get("reasoning") or message.get("reasoning_content") or "",
        prompt_tokens=int(usage.get("prompt_tokens") or 0),
        completion_tokens=int(usage.get("completion_tokens") or 0),
        finish_reason="length" if choice.get("finish_reason") == "length" else "stop",
    )


async def _chunks(opened: contextlib.AsyncExitStack, response: Any) -> AsyncIterator[Json]:  # noqa: ANN401 -- the SDK's
    async with opened:
        async for line in response.iter_lines():
            data = line.removeprefix("data:").strip()
            if line.startswith("data:") and data != "[DONE]":
                yield json.loads(data)


def _status(status: int) -> int:
    """Ours for theirs: what the caller did is the caller's, a wrong key or a broken server is not."""
    if status in _CALLERS_FAULT:
        return 400
    return 429 if status == 429 else 503


def warning(settings: UpstreamSettings) -> str:
    """What to say about where prompts go."""
    what = ", ".join(settings.models) or "base models and judges"
    return f"Prompts to {what} are sent to {settings.host}, graded completions among them; tuned models stay here.\n"
