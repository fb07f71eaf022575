"""Mantle's error envelope."""

from __future__ import annotations

from airflow_provider_bedrock_rft.emulator.exchange import Reply, reply

_CANNOT_READ = "Failed to deserialize the JSON body into the target type"


class MantleError(Exception):
    """A refusal, as the service words it."""

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        code: str | None = "validation_error",
        param: str | None = None,
        kind: str = "invalid_request_error",
    ) -> None:
        self.message = message
        self.status = status
        self.code = code
        self.param = param
        self.kind = kind
        super().__init__(message)

    def to_reply(self) -> Reply:
        """The refusal on the wire."""
        return error_reply(self.message, status=self.status, code=self.code, param=self.param, kind=self.kind)


def error_reply(
    message: str, *, status: int, code: str | None = None, param: str | None = None, kind: str = "invalid_request_error"
) -> Reply:
    """An error in Mantle's envelope."""
    return reply({"error": {"message": message, "type": kind, "param": param, "code": code}}, status)


def cannot_read(what: str, param: str | None = None) -> MantleError:
    """The body does not have the shape that is asked for."""
    return MantleError(f"{_CANNOT_READ}: {what}", param=param)


def unknown_model(model: object) -> MantleError:
    """There is no such model."""
    return MantleError(f"The model '{model}' does not exist", status=404, code="model_not_found", param="model")


def invalid_value(param: str, why: str) -> MantleError:
    """A parameter whose value is refused."""
    return MantleError(f"Invalid value for '{param}': {why}", param=param)
