"""Recurring reinforcement fine-tuning (RFT) on Amazon Bedrock, run from Apache Airflow.

Public names resolve on first use, so that importing this package in every DAG parse loads neither boto3 nor openai.
"""

from __future__ import annotations

__version__ = "0.1.0"

__all__ = ["__version__"]
