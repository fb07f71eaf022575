"""``bedrock-rft lineage`` and ``bedrock-rft diff``: where a model came from, and what changed from run to run."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse

    from airflow_provider_bedrock_rft.core.lineage.graph import Lineage


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``lineage``."""
    parser.add_argument("model", help="model id, or kind:name of any artefact, such as dataset:<sha256>")
    _add_place(parser)
    parser.set_defaults(run=run)


def configure_diff(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of ``diff``."""
    parser.add_argument("before", metavar="RUN", help="run id")
    parser.add_argument("after", metavar="RUN", help="run id")
    _add_place(parser)
    parser.set_defaults(run=run_diff)


def run(args: argparse.Namespace) -> int:
    """Tell an artefact's story."""
    from airflow_provider_bedrock_rft.core.codec import canonical_json, dump
    from airflow_provider_bedrock_rft.core.lineage.manifest import Stage, ref
    from airflow_provider_bedrock_rft.core.lineage.report import story_text

    kinds = {"model", "file", "prompts", "difficulty", "champion", *(stage.value for stage in Stage)}
    reference = args.model if args.model.split(":", 1)[0] in kinds and ":" in args.model else ref("model", args.model)
    story = _lineage(args).story(reference)
    if args.format == "json":
        sys.stdout.write(canonical_json([dump(manifest) for manifest in story]).decode() + "\n")
    else:
        sys.stdout.write(story_text(reference, story))
    return 0


def run_diff(args: argparse.Namespace) -> int:
    """Tell what changed from one run to another."""
    from airflow_provider_bedrock_rft.core.codec import canonical_json
    from airflow_provider_bedrock_rft.core.lineage.graph import changes_between
    from airflow_provider_bedrock_rft.core.lineage.report import changes_text

    lineage = _lineage(args)
    changes = changes_between(lineage.run(args.before), lineage.run(args.after))
    if args.format == "json":
        sys.stdout.write(canonical_json(changes).decode() + "\n")
    else:
        sys.stdout.write(changes_text(args.before, args.after, changes))
    return 0


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--artifacts", required=True, metavar="S3-URI", help="where the pipeline keeps its artefacts")
    parser.add_argument("--pipeline", default="", help="of one pipeline only")
    parser.add_argument("--region", default="us-west-2")
    parser.add_argument("--endpoint-url", default="", help="of the emulator; without it AWS")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def _lineage(args: argparse.Namespace) -> Lineage:
    from airflow_provider_bedrock_rft.clients.config import ClientConfig
    from airflow_provider_bedrock_rft.clients.session import Session
    from airflow_provider_bedrock_rft.core.steps.lineage import load_lineage

    session = Session(ClientConfig(region=args.region, endpoint_url=args.endpoint_url))
    return load_lineage(session.objects, artifacts_uri=args.artifacts, pipeline=args.pipeline)
