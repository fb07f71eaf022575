"""Which access keys exist: the root pairs, keys created through IAM, sessions from STS and of running functions."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ROOT_ACCOUNT = "123456789012"
ROOT_KEY = "AKIALOCALEMULATOR001"
ROOT_SECRET = "local-emulator-secret"  # noqa: S105 -- printed in the manual: it opens nothing but this emulator


@dataclass(frozen=True, slots=True, kw_only=True)
class Secret:
    """An access key and what is known about its owner. A session has a token and may have an end (epoch seconds)."""

    access_key_id: str
    secret: str
    account: str
    principal_arn: str
    user_id: str
    session_token: str | None = None
    expires_at: float | None = None


def root_pair(account: str, access_key_id: str, secret: str) -> Secret:
    """A key pair of an account's root."""
    return Secret(
        access_key_id=access_key_id,
        secret=secret,
        account=account,
        principal_arn=f"arn:aws:iam::{account}:root",
        user_id=account,
    )


class KeyRing:
    """Looks keys up: first those it was given or has issued itself, then each further source.

    ``accounts`` maps further accounts to their root pairs (access key id, secret).
    """

    def __init__(self, accounts: Mapping[str, tuple[str, str]] | None = None) -> None:
        self._known = {ROOT_KEY: root_pair(ROOT_ACCOUNT, ROOT_KEY, ROOT_SECRET)}
        for account, (access_key_id, secret) in (accounts or {}).items():
            self._known[access_key_id] = root_pair(account, access_key_id, secret)
        self._sources: list[Callable[[str], Secret | None]] = []

    def add_source(self, source: Callable[[str], Secret | None]) -> None:
        """Ask ``source`` too for keys that are not known here."""
        self._sources.append(source)

    def find(self, access_key_id: str) -> Secret | None:
        """The key's secret, or None for a key that nobody knows."""
        if (known := self._known.get(access_key_id)) is not None:
            return known
        return next((found for source in self._sources if (found := source(access_key_id))), None)

    def issue_session(
        self, account: str, principal_arn: str, *, user_id: str, expires_at: float | None, now: float
    ) -> Secret:
        """Temporary credentials of a principal. They live in memory: a restart of the emulator ends them."""
        session = Secret(
            access_key_id="ASIA" + "".join(secrets.choice("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") for _ in range(16)),
            secret=secrets.token_urlsafe(30),
            account=account,
            principal_arn=principal_arn,
            user_id=user_id,
            session_token="IQoJb3JpZ2luX2Vj" + secrets.token_urlsafe(120),
            expires_at=expires_at,
        )
        self._forget_expired(now)
        self._known[session.access_key_id] = session
        return session

    def revoke(self, access_key_id: str) -> None:
        """Make an issued key unknown."""
        self._known.pop(access_key_id, None)

    def _forget_expired(self, now: float) -> None:
        gone = [
            key for key, held in self._known.items() if held.expires_at is not None and held.expires_at < now - 3600
        ]
        for key in gone:
            del self._known[key]
