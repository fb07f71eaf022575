"""One REST-JSON service: which operation a request is, what it asks for, and how the answer is written."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import lru_cache
from typing import Any
from urllib.parse import unquote

from airflow_provider_bedrock_rft.emulator.modelled.constraints import Shape, violations

Operation = Any  # botocore.model.OperationModel; botocore has no types
_LABEL = re.compile(r"\{(\w+)(\+?)\}")


class Violation(Exception):
    """A request that does not fit its operation's input shape."""

    def __init__(self, sentences: list[str]) -> None:
        n = len(sentences)
        self.message = f"{n} validation error{'s' if n > 1 else ''} detected: {'; '.join(sentences)}"
        super().__init__(self.message)


class NotModelled(Exception):
    """Our own answer does not fit the output shape: a fault of the emulator."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One operation's method and path."""

    method: str
    path: re.Pattern[str]
    operation: Operation
    n_labels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    """Where members that are not in the body stand."""

    labels: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]

    def of(self, member: Shape, name: str) -> str | None:
        wire = str(member.serialization.get("name", name))
        match member.serialization.get("location"):
            case "uri":
                return self.labels.get(wire)
            case "querystring":
                return self.query.get(wire)
            case "header":
                return self.headers.get(wire.lower())
        return None


class ModelledService:
    """A service as its model in the installed botocore describes it."""

    def __init__(self, name: str) -> None:
        from botocore.loaders import Loader  # noqa: PLC0415 -- slow, and not needed before the first request
        from botocore.model import ServiceModel  # noqa: PLC0415

        self.name = name
        self.model = ServiceModel(Loader().load_service_model(name, "service-2"), name)
        routes = [_route(self.model.operation_model(operation)) for operation in self.model.operation_names]
        self._routes = sorted(routes, key=lambda route: route.n_labels)

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """The operation that the request is, with the labels of its (still percent-encoded) path."""
        for route in self._routes:
            match = route.path.match(path) if route.method == method else None
            if match:
                return route.operation, {name: unquote(value) for name, value in match.groupdict().items()}
        return None

    def read(
        self,
        operation: Operation,
        labels: Mapping[str, str],
        query: Mapping[str, str],
        headers: Mapping[str, str],
        body: bytes,
    ) -> dict[str, Any]:
        """The request's parameters.

        Raises:
            Violation: A member is missing, unknown, of another type, or outside its constraints.
        """
        shape = operation.input_shape
        if shape is None:
            return {}
        sources = _Sources(labels=labels, query=query, headers={name.lower(): text for name, text in headers.items()})
        params = {} if _payload_member(shape) else _read_document(shape, _document(body))
        for name, member in shape.members.items():
            text = sources.of(member, name)
            if text is not None:
                params[name] = _read_text(member, text, name)
            elif name == _payload_member(shape):
                params[name] = body if member.type_name == "blob" else _read(member, _document(body))
        found = list(violations(shape, params))
        if found:
            raise Violation(found)
        return params

    def write(self, operation: Operation, answer: Mapping[str, Any]) -> bytes:
        """The JSON body of an answer.

        Raises:
            NotModelled: The answer does not fit the operation's output shape.
        """
        shape = operation.output_shape
        if shape is None:
            return b""
        present = {name: value for name, value in answer.items() if value is not None}
        found = list(violations(shape, present))
        if found:
            raise NotModelled(f"{operation.name}: {'; '.join(found)}")
        return json.dumps(_write(shape, present)).encode()

    def status(self, operation: Operation) -> int:
        """The HTTP status of success."""
        return int(operation.http.get("responseCode", 200))

    def error_status(self, operation: Operation, code: str) -> int | None:
        """The HTTP status of an error, ``None`` when the operation does not declare it."""
        declared = {shape.name: shape for shape in operation.error_shapes}
        return int(declared[code].metadata.get("error", {}).get("httpStatusCode", 400)) if code in declared else None


@lru_cache(maxsize=8)
def modelled(name: str) -> ModelledService:
    """The service of that botocore name, loaded once."""
    return ModelledService(name)


def _route(operation: Operation) -> Route:
    uri = operation.http["requestUri"].partition("?")[0]
    pattern = _LABEL.sub(lambda label: f"(?P<{label[1]}>{'.+' if label[2] else '[^/]+'})", uri)
    return Route(
        method=operation.http["method"],
        path=re.compile(f"^{pattern}/?$"),
        operation=operation,
        n_labels=len(_LABEL.findall(uri)),
    )


def _payload_member(shape: Shape) -> str:
    return str(shape.serialization.get("payload", ""))


def _document(body: bytes) -> object:
    try:
        return json.loads(body) if body.strip() else {}
    except ValueError:
        raise Violation(["The request body is not valid JSON"]) from None


def _read_document(shape: Shape, document: object) -> dict[str, Any]:
    if not isinstance(document, dict):
        raise Violation(["The request body must be a JSON object"])
    elsewhere = {name for name, member in shape.members.items() if "location" in member.serialization}
    return {name: value for name, value in _read(shape, document).items() if name not in elsewhere}


def _read(shape: Shape, value: Any) -> Any:  # noqa: ANN401 -- JSON in, parameters out
    """``value`` with wire names turned into member names and times parsed; whatever does not fit stays as it is."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, dict) and not getattr(shape, "is_document_type", False):
        names = {member.serialization.get("name", name): name for name, member in shape.members.items()}
        return {
            names.get(wire, wire): _read(shape.members[names[wire]], item) if wire in names else item
            for wire, item in value.items()
            if item is not None
        }
    if kind == "list" and isinstance(value, list):
        return [_read(shape.member, item) for item in value]
    if kind == "map" and isinstance(value, dict):
        return {name: _read(shape.value, item) for name, item in value.items()}
    if kind == "blob":
        return _bytes(value)
    return _time(value) if kind == "timestamp" else value


def _bytes(value: object) -> object:
    try:
        return base64.b64decode(value, validate=True) if isinstance(value, str) else value
    except ValueError:
        return value


def _read_text(shape: Shape, text: str, name: str) -> object:
    try:
        if shape.type_name in {"integer", "long"}:
            return int(text)
        if shape.type_name == "timestamp":
            return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        raise Violation([f"Value '{text[:80]}' at '{name}' is not a valid {shape.type_name}"]) from None
    return text == "true" if shape.type_name == "boolean" else text


def _time(value: object) -> object:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return datetime.fromtimestamp(value, tz=timezone.utc)
    try:
        return datetime.fromisoformat(str(value).replace("Z", "+00:00"))
    except ValueError:
        return value


def _write(shape: Shape, value: Any) -> Any:  # noqa: ANN401 -- parameters in, JSON out
    kind = shape.type_name
    if kind == "structure" and not getattr(shape, "is_document_type", False):
        return {
            shape.members[name].serialization.get("name", name): _write(shape.members[name], item)
            for name, item in value.items()
            if item is not None
        }
    if kind == "list":
        return [_write(shape.member, item) for item in value]
    if kind == "map":
        return {name: _write(shape.value, item) for name, item in value.items()}
    if kind == "blob":
        return base64.b64encode(value).decode("ascii")
    return value.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ") if isinstance(value, datetime) else value
