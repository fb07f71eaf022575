"""MLflow's model registry behind the parameter store port, so that champion and challenger are aliases there.

A pipeline is a registered model; every entry of its history is a version whose source is the Bedrock model; the ledger
of tests has a registered model of its own. MLflow has no compare-and-set, but it numbers versions one after the other:
of two versions that claim the same entry the lower one has it, for everybody who looks.
"""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.core.errors import (
    InvalidInput,
    RequestRejected,
    ResourceConflict,
    ResourceNotFound,
    ServiceUnavailable,
)
from airflow_provider_bedrock_rft.core.ports import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator

KEY, VALUE, PATH = "bedrock_rft_key", "bedrock_rft_value", "bedrock_rft_path"
"""Tags of a version: which entry it is, and the entry; of a registered model: what it holds."""
ALIASES = ("champion", "challenger")
_NAME = re.compile(r"(?P<path>/.+?)/(?P<key>champion|challenger|history/\d+|(?P<tests>tests)/\d+/\d+)")
_PAGE = 200
_ERRORS = {
    "RESOURCE_DOES_NOT_EXIST": ResourceNotFound,
    "RESOURCE_ALREADY_EXISTS": ResourceConflict,
    "INTERNAL_ERROR": ServiceUnavailable,
    "TEMPORARILY_UNAVAILABLE": ServiceUnavailable,
    "REQUEST_LIMIT_EXCEEDED": ServiceUnavailable,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    path: str
    key: str
    model: str

    @property
    def is_alias(self) -> bool:
        return self.key in ALIASES


class MlflowParameters:
    """A :class:`~airflow_provider_bedrock_rft.core.ports.ParameterStore` over ``mlflow.MlflowClient``."""

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - an extra, imported late
        self._client = client

    @classmethod
    def at(cls, uri: str) -> MlflowParameters:
        """The registry at an MLflow tracking URI; credentials come from MLflow's own environment variables.

        Raises:
            InvalidInput: The extra ``mlflow`` is not installed.
        """
        try:
            from mlflow import MlflowClient
        except ImportError:
            raise InvalidInput(
                "The connection names a registry_uri, and MLflow is not installed.",
                action="Install airflow-provider-bedrock-rft[mlflow] on the workers.",
            ) from None
        with _reading(f"Connect to the registry {uri}"):
            return cls(MlflowClient(tracking_uri=uri, registry_uri=uri))

    def get(self, name: str) -> Parameter | None:
        """The current value, ``None`` when there is none."""
        place = _place_of(name)
        found = self._aliased(place) if place.is_alias else self._first(place)
        return None if found is None else _parameter(name, found)

    def create(self, name: str, value: str) -> Parameter:
        """Create the entry; ``ResourceConflict`` when it exists. Of two concurrent creates exactly one wins."""
        place = _place_of(name)
        if self.get(name) is not None:
            raise _taken(name)
        made = self._add(place, value)
        if place.is_alias:
            self._point(place, made.version)
        first = self._first(place)
        if first is not None and int(first.version) != int(made.version):
            with _reading(f"Give up {name}"):
                self._client.delete_model_version(place.model, str(made.version))
            raise _taken(name)
        return _parameter(name, made)

    def put(self, name: str, value: str) -> Parameter:
        """Create or overwrite; an alias is pointed at the entry that the value is a copy of, where there is one."""
        place = _place_of(name)
        found = self._entry_like(place, value) if place.is_alias else self._first(place)
        if found is None or (place.is_alias and found.tags[VALUE] != value):
            found = self._add(place, value)
        elif not place.is_alias:
            with _reading(f"Write {name}"):
                self._client.set_model_version_tag(place.model, str(found.version), VALUE, value)
        if place.is_alias:
            self._point(place, found.version)
        return Parameter(name=name, value=value, version=int(found.version), modified_at=_seconds(found))

    def names(self, prefix: str) -> Iterator[str]:
        """Names below the path ``prefix``, at any depth."""
        below = prefix.rstrip("/") + "/"
        with _reading(f"List the registry below {prefix}"):
            models = _pages(lambda token: self._client.search_registered_models(max_results=_PAGE, page_token=token))
            for model in models:
                path = (model.tags or {}).get(PATH)
                if path is None or not f"{path}/".startswith(below):
                    continue
                keys = {one.tags[KEY] for one in self._versions(f"name='{model.name}'") if KEY in one.tags}
                yield from (f"{path}/{key}" for key in sorted(keys.difference(ALIASES) | set(model.aliases or {})))

    def history(self, name: str) -> Iterator[Parameter]:
        """All versions of an entry, oldest first; of an alias only those that were written for it alone."""
        return (_parameter(name, one) for one in self._claims(_place_of(name)))

    def delete(self, name: str) -> None:
        """Remove an entry or an alias; removing one that is gone already is no error."""
        place = _place_of(name)
        try:
            with _reading(f"Delete {name}"):
                if place.is_alias and self._aliased(place) is not None:
                    self._client.delete_registered_model_alias(place.model, place.key)
                for claim in self._claims(place):
                    self._client.delete_model_version(place.model, str(claim.version))
        except ResourceNotFound:
            return

    def _add(self, place: _Place, value: str) -> Any:  # noqa: ANN401 - MLflow's entity
        try:
            with _reading(f"Register {place.model}"):
                self._client.create_registered_model(place.model, tags={PATH: place.path})
        except ResourceConflict:
            self._refuse_foreign(place)
        tags = {KEY: place.key, VALUE: value}
        with _reading(f"Write {place.path}/{place.key}"):
            return self._client.create_model_version(
                place.model, source=_source_of(value), tags=tags, await_creation_for=0
            )

    def _refuse_foreign(self, place: _Place) -> None:
        with _reading(f"Read {place.model}"):
            tags = self._client.get_registered_model(place.model).tags or {}
        if tags.get(PATH) != place.path:
            raise ResourceConflict(
                f"The registered model {place.model} is not of the pipeline {place.path}.",
                action="Name the pipeline otherwise, or remove the registered model.",
            )

    def _aliased(self, place: _Place) -> Any:  # noqa: ANN401 - MLflow's entity
        try:
            with _reading(f"Read {place.path}/{place.key}"):
                version = (self._client.get_registered_model(place.model).aliases or {}).get(place.key)
                return self._client.get_model_version(place.model, str(version)) if version else None
        except ResourceNotFound:
            return None

    def _point(self, place: _Place, version: object) -> None:
        with _reading(f"Move {place.path}/{place.key}"):
            self._client.set_registered_model_alias(place.model, place.key, str(version))

    def _entry_like(self, place: _Place, value: str) -> Any:  # noqa: ANN401 - MLflow's entity
        number = _fields_in(value).get("number")
        if not isinstance(number, int):
            return None
        return self._first(_Place(path=place.path, key=f"history/{number:06}", model=place.model))

    def _first(self, place: _Place) -> Any:  # noqa: ANN401 - MLflow's entity
        return next(iter(self._claims(place)), None)

    def _claims(self, place: _Place) -> list[Any]:
        with _reading(f"Read {place.path}/{place.key}"):
            found = list(self._versions(f"name='{place.model}' and tag.{KEY}='{place.key}'"))
        return sorted(found, key=lambda one: int(one.version))

    def _versions(self, query: str) -> Iterator[Any]:
        return _pages(lambda token: self._client.search_model_versions(query, max_results=_PAGE, page_token=token))


def _place_of(name: str) -> _Place:
    match = _NAME.fullmatch(name)
    if match is None:
        raise InvalidInput(f"{name!r} names nothing that the MLflow registry keeps.")
    model = match["path"].strip("/").replace("/", ".") + ("+tests" if match["tests"] else "")
    return _Place(path=match["path"], key=match["key"], model=model)


def _pages(ask: Any) -> Iterator[Any]:  # noqa: ANN401 - MLflow's paged lists
    token: str | None = None
    while True:
        page = ask(token)
        yield from page
        token = getattr(page, "token", None)
        if not token:
            return


def _parameter(name: str, version: Any) -> Parameter:  # noqa: ANN401 - MLflow's entity
    value = version.tags.get(VALUE)
    if value is None:
        raise InvalidInput(
            f"{name} points at version {version.version} of {version.name}, which was not made here.",
            action="Move the alias back to a version with the tag " + VALUE + ".",
        )
    return Parameter(name=name, value=value, version=int(version.version), modified_at=_seconds(version))


def _seconds(version: Any) -> float:  # noqa: ANN401 - MLflow's entity
    return float(version.last_updated_timestamp or version.creation_timestamp or 0) / 1000


def _source_of(value: str) -> str:
    """What people see as the version's source: the model that the entry is about."""
    return f"bedrock-model:{_fields_in(value).get('model') or 'none'}"


def _fields_in(value: str) -> dict[str, object]:
    try:
        fields = json.loads(value)
    except ValueError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _taken(name: str) -> ResourceConflict:
    return ResourceConflict(f"{name} exists already.", action="Look at what exists under this name.")


@contextmanager
def _reading(operation: str) -> Iterator[None]:
    """Raise our error in place of MLflow's."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        kind = _ERRORS.get(str(error.error_code), RequestRejected)
        raise kind(
            f"{operation} failed: {' '.join(str(error.message).split()).rstrip('.')}.",
            action="Look at the MLflow server that registry_uri of the AWS connection names.",
            code=str(error.error_code),
        ) from error
