"""What was just made is not known everywhere yet: roles that cannot be assumed, versions that are not found."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.faults.injected import Headers, refused, service_of

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Reply
    from airflow_provider_bedrock_rft.emulator.faults.script import Faults

_CREATED_ROLE = re.compile(rb"<CreateRoleResult>.*?<Arn>(arn:aws[\w-]*:iam::\d{12}:role/[^<]+)</Arn>", re.DOTALL)
_ROLE = re.compile(r"arn:aws[\w-]*:iam::\d{12}:role/[\w+=,.@/-]+")
_VERSION = re.compile(r":function:([A-Za-z0-9_-]+):(\d+)\b")
_FUNCTION_PATH = re.compile(r"/functions/([^/]+)")
_QUALIFIER = re.compile(r"(?:^|&)Qualifier=(\d+)(?:&|$)")
_USES_ROLES = {"lambda", "bedrock", "sts"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: str
    headers: Headers
    body: bytes


class Newborns:
    """Remembers when roles and versions were made, for as long as a rule is about them."""

    def __init__(self, faults: Faults, clock: EmulatorClock) -> None:
        self._faults = faults
        self._clock = clock
        self._born: dict[str, float] = {}

    @property
    def is_watching(self) -> bool:
        """True when there is such a rule."""
        return self._faults.has_rules("newborns")

    def learn(self, asked: Asked, answer: bytes) -> None:
        """Take note of what a successful request has made."""
        service = service_of(asked.headers)
        if service == "iam" and (found := _CREATED_ROLE.search(answer)):
            self._born.setdefault(found[1].decode(), self._clock.now())
        elif service == "lambda" and asked.method == "POST" and b'"FunctionArn"' in answer:
            made = json.loads(answer)
            if str(made.get("Version", "")).isdigit():
                name = made["FunctionArn"].split(":")[6]
                self._born.setdefault(f"{name}:{made['Version']}", self._clock.now())

    def refusal(self, asked: Asked) -> Reply | None:
        """The answer to a request that needs what is not known yet; None for any other."""
        if not self._born or (asked.method == "GET" and "/versions" in asked.path):
            return None
        service = service_of(asked.headers)
        text = asked.body.decode("utf-8", "replace")
        if service in _USES_ROLES:
            for role in _ROLE.findall(text):
                if self._is_unknown(role, is_role=True):
                    return _no_role(role, service, asked)
        for version in _versions_in(asked, text):
            if self._is_unknown(version, is_role=False):
                return _no_version(version, service, asked)
        return None

    def _is_unknown(self, name: str, *, is_role: bool) -> bool:
        born = self._born.get(name)
        return born is not None and self._faults.is_unknown_yet(name, self._clock.now() - born, is_role=is_role)


def _versions_in(asked: Asked, text: str) -> list[str]:
    """Every version that the request is about, as ``name:number``."""
    named = [f"{name}:{number}" for name, number in _VERSION.findall(f"{asked.path} {text}")]
    path = _FUNCTION_PATH.search(asked.path)
    if path is None:
        return named
    name = path[1].split(":")[6] if path[1].startswith("arn:") else path[1].split(":")[0]
    numbers = _QUALIFIER.findall(asked.query) + re.findall(r'"FunctionVersion":\s*"(\d+)"', text)
    return named + [f"{name}:{number}" for number in numbers]


def _no_role(role: str, service: str, asked: Asked) -> Reply:
    if service == "lambda":
        message = "The role defined for the function cannot be assumed by Lambda."
        return refused(400, "InvalidParameterValueException", message, asked.path, asked.headers)
    if service == "sts":
        message = f"Not authorized to perform: sts:AssumeRole on resource: {role}"
        return refused(403, "AccessDenied", message, asked.path, asked.headers)
    return refused(400, "ValidationException", f"Could not assume the role {role}.", asked.path, asked.headers)


def _no_version(version: str, service: str, asked: Asked) -> Reply:
    if service == "lambda":
        message = f"Function not found: {version}"
        return refused(404, "ResourceNotFoundException", message, asked.path, asked.headers)
    code = "ValidationException" if service == "bedrock" else "validation_error"
    return refused(400, code, f"the function {version} does not exist", asked.path, asked.headers)
