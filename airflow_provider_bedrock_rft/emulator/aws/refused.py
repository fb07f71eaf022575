"""The refusal of a role; apart from what decides it, which loads the mounted services."""

from __future__ import annotations


class AccessRefused(Exception):
    """The role is not there, does not trust the service, or does not allow the action."""
