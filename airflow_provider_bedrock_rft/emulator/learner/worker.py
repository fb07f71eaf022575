"""A job's training process: JSON lines in, one JSON line out for each; logs go to standard error.

Commands: ``init``, ``sample``, ``update``, ``evaluate``. A command that fails is answered by
``{"error": {"type": …, "message": …}}`` and leaves the session as it was.

``init`` takes packed weights; null ``weights`` and null ``reference`` mean the shipped base, so a job that starts from
a tuned model names that model as its reference too.
"""

from __future__ import annotations

import json
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import IO, TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import base_weights
from airflow_provider_bedrock_rft.emulator.learner.grpo import GrpoSettings, Learner
from airflow_provider_bedrock_rft.emulator.learner.session import TrainingSession
from airflow_provider_bedrock_rft.emulator.learner.weights import dump_weights, load_weights, zero_weights

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.learner.features import FloatArray
    from airflow_provider_bedrock_rft.emulator.learner.grammar.completion import Completion

Json = dict[str, Any]
Request = Mapping[str, Any]


class UnknownCommand(ValueError):
    """A command this process does not know, or one before ``init``."""


@dataclass(slots=True)
class Worker:
    """Answers commands; holds the one session of its process."""

    session: TrainingSession | None = None

    def answer(self, request: Request) -> Json:
        """The reply to one command."""
        commands: dict[str, Callable[[Request], Json]] = {
            "init": self._init,
            "sample": self._sample,
            "update": self._update,
            "evaluate": self._evaluate,
        }
        command = commands.get(str(request.get("cmd")))
        if command is None:
            raise UnknownCommand(f"Unknown command {request.get('cmd')!r}; known are {', '.join(commands)}.")
        return command(request)

    def _init(self, request: Request) -> Json:
        settings = GrpoSettings(
            learning_rate=float(request.get("learning_rate", 1.0)),
            kl=float(request.get("kl", 0.0)),
            inner_steps=int(request.get("inner_steps", 2)),
        )
        learner = Learner(
            weights=_weights(request.get("weights"), base_weights).copy(),
            reference=_weights(request.get("reference"), base_weights),
            squares=_weights(request.get("optimizer"), zero_weights),
            settings=settings,
        )
        self.session = TrainingSession(
            prompts=request["prompts"],
            learner=learner,
            seed=int(request["seed"]),
            max_completion_tokens=request.get("max_completion_tokens"),
        )
        return {"ok": True}

    def _sample(self, request: Request) -> Json:
        groups = self._started().sample(request["ids"], int(request["group_size"]), int(request["step"]))
        return {"completions": [[_shown(completion) for completion in group] for group in groups]}

    def _update(self, request: Request) -> Json:
        session = self._started()
        reply: Json = {"metrics": asdict(session.update(request["rewards"]))}
        if request.get("snapshot"):
            reply["weights"] = _packed(session.learner.weights)
            reply["optimizer"] = _packed(session.learner.squares)
        return reply

    def _evaluate(self, request: Request) -> Json:
        return {"completions": [_shown(completion) for completion in self._started().evaluate(request["ids"])]}

    def _started(self) -> TrainingSession:
        if self.session is None:
            raise UnknownCommand("No session yet: send init first.")
        return self.session


def _shown(completion: Completion) -> Json:
    return {"text": completion.text, "reasoning": completion.reasoning, "tokens": completion.n_tokens}


def _weights(packed: str | None, otherwise: Callable[[], FloatArray]) -> FloatArray:
    return otherwise() if packed is None else load_weights(b64decode(packed))


def _packed(weights: FloatArray) -> str:
    return b64encode(dump_weights(weights)).decode("ascii")


def serve(source: IO[str], sink: IO[str]) -> None:
    """Answer line by line until the source ends."""
    worker = Worker()
    for line in source:
        if not line.strip():
            continue
        try:
            reply = worker.answer(json.loads(line))
        except Exception as error:  # noqa: BLE001 -- whatever goes wrong is the reply
            reply = {"error": {"type": type(error).__name__, "message": str(error)}}
        sink.write(json.dumps(reply) + "\n")
        sink.flush()


if __name__ == "__main__":
    replies, sys.stdout = sys.stdout, sys.stderr
    serve(sys.stdin, replies)
