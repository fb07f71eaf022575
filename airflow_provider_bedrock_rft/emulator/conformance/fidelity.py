"""The table of what is served natively, as the documentation shows it: ``python -m …emulator.conformance.fidelity``."""

from __future__ import annotations

import sys

from airflow_provider_bedrock_rft.emulator.bedrock.assembling import ROOMS
from airflow_provider_bedrock_rft.emulator.bedrock.call import Served, declared_in
from airflow_provider_bedrock_rft.emulator.bedrock.plane import SERVICES
from airflow_provider_bedrock_rft.emulator.modelled.service import modelled


def fidelity_table() -> str:
    """One line per operation, and one per service with the number of those that are not there."""
    served = [served for room in ROOMS for _, served in declared_in(room)]
    lines = ["| Operation | Service | Shape | Behaviour | Notes |", "|---|---|---|---|---|"]
    for service in SERVICES:
        operations = set(modelled(service).model.operation_names)
        lines += [_line(item, service) for item in served if item.operation in operations]
        lines.append(f"| all others | `{service}` | modelled | not there | 501 that names the operation |")
    return "\n".join(lines) + "\n"


def _line(served: Served, service: str) -> str:
    return f"| `{served.operation}` | `{service}` | modelled | {served.behaviour} | {served.notes} |"


if __name__ == "__main__":
    sys.stdout.write(fidelity_table())
