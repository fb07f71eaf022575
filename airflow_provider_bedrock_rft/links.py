"""Buttons on a task instance's page. The worker computes the address; the server only shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow.providers.common.compat.sdk import BaseOperatorLink, conf

from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier
from airflow_provider_bedrock_rft.core.identifiers import LambdaArn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

DOMAINS = {
    "aws": "console.aws.amazon.com",
    "aws-cn": "console.amazonaws.cn",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}


class _ShownLink(BaseOperatorLink):
    """A link whose address the task has put into its ``shown_links`` while it ran."""

    @property
    def xcom_key(self) -> str:
        """Where the address travels from worker to server."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 -- Airflow's signature
        """The address, empty while there is none."""
        links: dict[str, str] = getattr(operator, "shown_links", {})
        return links.get(self.xcom_key, "")


class BedrockRftGraderLink(_ShownLink):
    """The grader's Lambda function, at the version in use."""

    name = "Grader"


class BedrockRftGraderLogsLink(_ShownLink):
    """The grader's log group."""

    name = "Grader logs"


class BedrockRftArtifactsLink(_ShownLink):
    """The folder of the run's files."""

    name = "Artifacts"


class BedrockRftReportLink(_ShownLink):
    """The report of the run."""

    name = "Report"


class BedrockRftAliasLink(_ShownLink):
    """The parameter that says which model is champion."""

    name = "Champion"


class BedrockRftJobLink(_ShownLink):
    """The training job."""

    name = "Training job"


class BedrockRftPageLink(BaseOperatorLink):
    """The task on the RFT page: the curve of a job, the comparison of a gate."""

    name = "RFT page"

    @property
    def xcom_key(self) -> str:
        """Where the address travels from worker to server."""
        return f"_link_{type(self).__name__}"

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:  # noqa: ARG002 -- Airflow's signature
        """The address; empty where Airflow does not know its own."""
        run = run_page(conf.get("api", "base_url", fallback=""), ti_key.dag_id, ti_key.run_id)
        if not run:
            return ""
        task = f"tasks/{quote(ti_key.task_id, safe='')}{f'/mapped/{ti_key.map_index}' if ti_key.map_index >= 0 else ''}"
        return f"{run.rpartition('/plugin/')[0]}/{task}/plugin/bedrock-rft-task"


def run_page(base_url: str, dag_id: str, run_id: str, view: str = "") -> str:
    """A run on the RFT page of the Airflow at ``base_url``; empty where that is not known."""
    if not base_url.startswith("http"):
        return ""
    place = f"dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}/plugin/bedrock-rft-run"
    return f"{base_url.rstrip('/')}/{place}{view and f'#{view}'}"


def console(region: str, path: str) -> str:
    """An address in the AWS console of ``region``."""
    partition = "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
    return f"https://{region}.{DOMAINS[partition]}/{path}"


def function_url(region: str, name: str, version: str) -> str:
    """A Lambda function at one version."""
    return console(
        region, f"lambda/home?region={region}#/functions/{quote(name)}/versions/{quote(version)}?tab=monitoring"
    )


def log_group_url(region: str, group: str) -> str:
    """A log group; CloudWatch wants its name quoted twice, with ``$`` for the outer ``%``."""
    return console(region, f"cloudwatch/home?region={region}#logsV2:log-groups/log-group/{_twice(group)}")


def _twice(text: str) -> str:
    return quote(quote(text, safe=""), safe="").replace("%", "$")


def folder_url(region: str, bucket: str, prefix: str) -> str:
    """A folder of an S3 bucket."""
    return console(region, f"s3/buckets/{bucket}?region={region}&prefix={quote(prefix)}/")


def object_url(region: str, bucket: str, key: str) -> str:
    """An object of an S3 bucket."""
    return console(region, f"s3/object/{bucket}?region={region}&prefix={quote(key)}")


def parameter_url(region: str, name: str) -> str:
    """An SSM parameter."""
    return console(region, f"systems-manager/parameters/{quote(name, safe='')}/description?region={region}")


def job_url(region: str, job_arn: str) -> str:
    """A customization job of the native plane."""
    return console(region, f"bedrock/home?region={region}#/custom-models/item?arn={quote(job_arn, safe='')}")


def grader_links(grader_arn: str) -> Iterator[tuple[type[_ShownLink], str]]:
    """The links of a deployed grader; none for what is no Lambda ARN."""
    try:
        arn = LambdaArn.parse(grader_arn)
    except InvalidIdentifier:
        return
    region, name = arn.part("region"), arn.part("name")
    yield BedrockRftGraderLink, function_url(region, name, arn.part("qualifier") or "$LATEST")
    yield BedrockRftGraderLogsLink, log_group_url(region, f"/aws/lambda/{name}")


class ShowsLinks:
    """A task that has links to show: at the end of its slot (Airflow asks for them) and at once (we push them)."""

    shown_links: dict[str, str]

    def show_link(self, context: Context, link: type[_ShownLink], url: str) -> None:
        """Make ``link`` point to ``url`` now; an empty address shows nothing."""
        if not url:
            return
        key = f"_link_{link.__name__}"
        self.shown_links = {**getattr(self, "shown_links", {}), key: url}
        context["ti"].xcom_push(key=key, value=url)
