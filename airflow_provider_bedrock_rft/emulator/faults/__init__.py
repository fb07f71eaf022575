"""Things going wrong on demand: rules for requests, for training steps and for what was just made, and a log."""

from airflow_provider_bedrock_rft.emulator.faults.rule import HEADER, InvalidFault, Rule, parse_rule
from airflow_provider_bedrock_rft.emulator.faults.script import Faults

__all__ = ["HEADER", "Faults", "InvalidFault", "Rule", "parse_rule"]
