"""Short-term Bedrock API keys, minted from the session's own credentials."""

from __future__ import annotations

import time
from datetime import timedelta
from threading import Lock
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.errors import InvalidCredentials

if TYPE_CHECKING:
    from collections.abc import Callable

LIFETIME_SECONDS = 600.0
"""A token dies with the credentials that signed it; botocore renews those when less than this is left of them."""

RENEW_AFTER_SECONDS = 300.0


class BearerTokens:
    """The bearer token of the moment; minted locally, renewed early, and when the credentials change."""

    def __init__(self, boto_session: Any, region: str, monotonic: Callable[[], float] = time.monotonic) -> None:  # noqa: ANN401
        self._session = boto_session
        self._region = region
        self._monotonic = monotonic
        self._lock = Lock()
        self._minted: tuple[object, float, str] | None = None

    def current(self) -> str:
        """A token with at least five minutes to live.

        Raises:
            InvalidCredentials: The session has none, or they cannot be renewed.
        """
        with self._lock, translated("Mint a Bedrock API key"):
            credentials = self._frozen()
            now = self._monotonic()
            if self._minted and self._minted[0] == credentials and now - self._minted[1] < RENEW_AFTER_SECONDS:
                return self._minted[2]
            token = _mint(credentials, self._region)
            self._minted = (credentials, now, token)
            return token

    def _frozen(self) -> Any:  # noqa: ANN401 - botocore is not typed
        credentials = self._session.get_credentials()
        if credentials is None:
            raise InvalidCredentials(
                "No AWS credentials were found.",
                action="Put them into the Airflow AWS connection, or give the worker a profile or an instance role.",
            )
        return credentials.get_frozen_credentials()


class _Given:
    """A credential provider, as the token generator wants one, of credentials that are already there."""

    def __init__(self, credentials: object) -> None:
        self._credentials = credentials

    def load(self) -> object:
        return self._credentials


def _mint(credentials: object, region: str) -> str:
    from aws_bedrock_token_generator import provide_token

    token: str = provide_token(
        region=region, aws_credentials_provider=_Given(credentials), expiry=timedelta(seconds=LIFETIME_SECONDS)
    )
    return token
