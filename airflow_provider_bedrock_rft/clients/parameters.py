"""SSM Parameter Store behind the parameter store port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.clients.translate import translated
from airflow_provider_bedrock_rft.core.errors import ResourceNotFound
from airflow_provider_bedrock_rft.core.ports import Parameter

if TYPE_CHECKING:
    from collections.abc import Iterator


class SsmParameters:
    """Plain string parameters of the standard tier (at most 4 KB each)."""

    def __init__(self, ssm: Any) -> None:  # noqa: ANN401 - boto3's client
        self._ssm = ssm

    def get(self, name: str) -> Parameter | None:
        """The current value, ``None`` when there is none."""
        try:
            with translated(f"Read the parameter {name}"):
                return _parse(self._ssm.get_parameter(Name=name)["Parameter"])
        except ResourceNotFound:
            return None

    def create(self, name: str, value: str) -> Parameter:
        """Create the parameter; ``ResourceConflict`` when it exists. Of two concurrent creates exactly one wins."""
        return self._put(name, value, overwrite=False)

    def put(self, name: str, value: str) -> Parameter:
        """Create or overwrite the parameter."""
        return self._put(name, value, overwrite=True)

    def names(self, prefix: str) -> Iterator[str]:
        """Names of the parameters below the path ``prefix``, at any depth."""
        with translated(f"List the parameters below {prefix}"):
            pages = self._ssm.get_paginator("get_parameters_by_path").paginate(Path=prefix, Recursive=True)
            for page in pages:
                yield from (parameter["Name"] for parameter in page["Parameters"])

    def history(self, name: str) -> Iterator[Parameter]:
        """All versions (SSM keeps a hundred), oldest first."""
        with translated(f"Read the history of the parameter {name}"):
            try:
                for page in self._ssm.get_paginator("get_parameter_history").paginate(Name=name):
                    yield from map(_parse, page["Parameters"])
            except self._ssm.exceptions.ParameterNotFound:
                return

    def delete(self, name: str) -> None:
        """Remove the parameter; removing one that is gone already is no error."""
        try:
            with translated(f"Delete the parameter {name}"):
                self._ssm.delete_parameter(Name=name)
        except ResourceNotFound:
            return

    def _put(self, name: str, value: str, *, overwrite: bool) -> Parameter:
        with translated(f"Write the parameter {name}"):
            reply = self._ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=overwrite)
        written = self.get(name)
        modified_at = written.modified_at if written else 0.0
        return Parameter(name=name, value=value, version=int(reply["Version"]), modified_at=modified_at)


def _parse(fields: Any) -> Parameter:  # noqa: ANN401 - boto3's reply
    return Parameter(
        name=fields["Name"],
        value=fields["Value"],
        version=int(fields["Version"]),
        modified_at=fields["LastModifiedDate"].timestamp(),
    )
