"""What a stage took and made in OpenLineage's words, where its provider is installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from airflow_provider_bedrock_rft.hooks.lineage import references_of

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.hooks.lineage import Refs, StageFacts

NAMESPACE = "bedrock-rft"
"""Of artefacts that are no files in S3; those go by ``s3://bucket``, as everywhere in OpenLineage."""

FACET = "bedrockRft"
SCHEMA = "https://github.com/airflow-provider-bedrock-rft/airflow-provider-bedrock-rft/blob/main/docs/reference/openlineage.md"


def is_heard() -> bool:
    """True when OpenLineage's provider is there and has somebody to tell."""
    try:
        from airflow.providers.openlineage.conf import is_disabled
    except ImportError:
        return False
    return not is_disabled()


def lineage_of(facts: StageFacts) -> Any:  # noqa: ANN401 - OpenLineage's provider is optional
    """The provider's ``OperatorLineage``: datasets, and one run facet with what made them.

    Raises:
        ImportError: The provider is not installed.
    """
    from airflow.providers.common.compat.openlineage.facet import Dataset
    from airflow.providers.openlineage.extractors import OperatorLineage

    return OperatorLineage(
        inputs=[Dataset(namespace=space, name=name) for space, name in datasets_of(facts.inputs)],
        outputs=[Dataset(namespace=space, name=name) for space, name in datasets_of(facts.outputs)],
        run_facets={FACET: _facet_of(facts)},
    )


def datasets_of(refs: Refs) -> list[tuple[str, str]]:
    """Namespace and name of each artefact."""
    return [_dataset_in(reference) for reference in references_of(refs).values()]


def grader_version_of(facts: StageFacts) -> str:
    """The version in the grader's ARN; empty where it is not pinned, or there is no grader."""
    arns = [name for kind, name in (*facts.inputs.values(), *facts.outputs.values()) if kind == "grader"]
    parts = arns[0].split(":") if arns else []
    return parts[7] if len(parts) == 8 else ""


def _dataset_in(reference: str) -> tuple[str, str]:
    kind, _, name = reference.partition(":")
    if name.startswith("s3://"):
        bucket, _, key = unquote(name).removeprefix("s3://").partition("/")
        return f"s3://{bucket}", key
    return NAMESPACE, f"{kind}/{name}"


def _facet_of(facts: StageFacts) -> Any:  # noqa: ANN401 - likewise
    import attr
    from airflow.providers.common.compat.openlineage.facet import RunFacet

    @attr.define
    class BedrockRftRunFacet(RunFacet):  # type: ignore[misc, unused-ignore]
        stage: str
        parameters: dict[str, str]
        results: dict[str, float]
        graderVersion: str  # noqa: N815 - OpenLineage's facets are in camel case

        @staticmethod
        def _get_schema() -> str:
            return SCHEMA

    return BedrockRftRunFacet(
        stage=facts.stage,
        parameters={name: str(value) for name, value in facts.parameters.items() if value not in (None, "")},
        results={name: value for name, value in facts.results.items() if value is not None},
        graderVersion=grader_version_of(facts),
    )
