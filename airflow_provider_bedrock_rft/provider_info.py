"""What Airflow's provider discovery reads.

It imports nothing: an exception here would break every ``airflow`` command.
"""

from __future__ import annotations

ROOT = "airflow_provider_bedrock_rft"
NAME = "Amazon Bedrock RFT"


def get_provider_info() -> dict[str, object]:
    """The provider's entry in ``airflow providers list`` (schema: ``airflow/provider_info.schema.json``)."""
    return {
        "package-name": "airflow-provider-bedrock-rft",
        "name": NAME,
        "description": "Recurring reinforcement fine-tuning (RFT) of language models on Amazon Bedrock.",
        "integrations": [
            {
                "integration-name": NAME,
                "external-doc-url": "https://docs.aws.amazon.com/bedrock/latest/userguide/reinforcement-fine-tuning.html",
                "tags": ["aws", "ai"],
            }
        ],
        "operators": [
            _modules("operators", "dataset", "grader", "readiness", "job", "checkpoint", "deployment", "evaluation"),
            _modules("operators", "dataset_making", "batch", "cancel", "promotion", "report", "retention"),
        ],
        "sensors": [_modules("sensors", "job", "checkpoint")],
        "hooks": [_modules("hooks", "bedrock_rft")],
        "cli": [f"{ROOT}.cli.airflow_commands.commands"],
        "triggers": [_modules("triggers", "waiting", "readiness")],
        "task-decorators": [{"name": "rft_grader", "class-name": f"{ROOT}.operators.grader_task.rft_grader_task"}],
        "extra-links": [
            f"{ROOT}.links.{name}"
            for name in (
                "BedrockRftAliasLink",
                "BedrockRftArtifactsLink",
                "BedrockRftGraderLink",
                "BedrockRftGraderLogsLink",
                "BedrockRftJobLink",
                "BedrockRftPageLink",
                "BedrockRftReportLink",
            )
        ],
        "notifications": [
            f"{ROOT}.notifications.{name}"
            for name in ("email.BedrockRftEmailNotifier", "slack.BedrockRftSlackNotifier", "sns.BedrockRftSnsNotifier")
        ],
        "config": {
            "bedrock_rft": {
                "description": "What this provider's page shows in Airflow's UI.",
                "options": {
                    "training_cost_per_hour": _option("What an hour of training costs, by your price list.", "36.5"),
                    "currency": _option("Of that price.", "EUR", default="USD"),
                },
            }
        },
        "asset-uris": [
            {"schemes": ["bedrock-rft"], "handler": f"{ROOT}.assets.check_uri", "factory": f"{ROOT}.assets.rft_asset"}
        ],
    }


def _option(description: str, example: str, *, default: str | None = None) -> dict[str, object]:
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": "string",
        "example": example,
        "default": default,
    }


def _modules(room: str, *names: str) -> dict[str, object]:
    return {"integration-name": NAME, "python-modules": [f"{ROOT}.{room}.{name}" for name in names]}
