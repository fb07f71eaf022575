"""Refusals of the native planes."""

from __future__ import annotations

from airflow_provider_bedrock_rft.emulator.exchange import Reply, reply


class BedrockError(Exception):
    """A refusal. ``code`` is the name of an error that the service's model declares."""

    def __init__(self, code: str, message: str) -> None:
        self.code = code
        self.message = message
        super().__init__(message)


def error_reply(code: str, message: str, status: int) -> Reply:
    """An error as REST-JSON clients read it."""
    return Reply(body=reply({"message": message}).body, status=status, headers=(("x-amzn-errortype", code),))


def invalid(message: str) -> BedrockError:
    """The request cannot be carried out as it is."""
    return BedrockError("ValidationException", message)


def not_found(what: str, identifier: str) -> BedrockError:
    """There is no such resource of this owner."""
    return BedrockError("ResourceNotFoundException", f"The {what} {identifier} could not be found.")


def conflict(message: str) -> BedrockError:
    """The request does not fit the state of what it is about."""
    return BedrockError("ConflictException", message)
