"""AWS beside Bedrock: moto mounted behind a front that checks signatures, keeps writes, and really runs functions."""

from airflow_provider_bedrock_rft.emulator.aws.plane import AwsPlane

__all__ = ["AwsPlane"]
