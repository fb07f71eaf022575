"""What Airflow's provider discovery reads.

It imports nothing: an exception here would break every ``airflow`` command.
"""

from __future__ import annotations


def get_provider_info() -> dict[str, object]:
    """The provider's entry in ``airflow providers list`` (schema: ``airflow/provider_info.schema.json``)."""
    return {
        "package-name": "airflow-provider-bedrock-rft",
        "name": "Amazon Bedrock RFT",
        "description": "Recurring reinforcement fine-tuning (RFT) of language models on Amazon Bedrock.",
    }
