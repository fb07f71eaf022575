"""``--self-test``: an emulator in a folder of its own, examined from inside; no port is opened."""

from __future__ import annotations

import asyncio
import sys
import tempfile
from pathlib import Path

from airflow_provider_bedrock_rft.emulator.assembly import Emulator
from airflow_provider_bedrock_rft.emulator.bedrock.assembling import ROOMS
from airflow_provider_bedrock_rft.emulator.bedrock.call import declared_in
from airflow_provider_bedrock_rft.emulator.bedrock.plane import SERVICES
from airflow_provider_bedrock_rft.emulator.conformance.examination import Examination, Handle
from airflow_provider_bedrock_rft.emulator.conformance.furniture import furnish
from airflow_provider_bedrock_rft.emulator.conformance.specimens import Maker
from airflow_provider_bedrock_rft.emulator.modelled.service import modelled
from airflow_provider_bedrock_rft.emulator.settings import Settings


def self_test() -> int:
    """Examine every operation that is served; prints what is wrong, and answers the exit status."""
    with tempfile.TemporaryDirectory() as folder:
        examinations = asyncio.run(_examine(Path(folder)))
    findings = [finding for examination in examinations for finding in examination.findings]
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    n_requests = sum(examination.n_requests for examination in examinations)
    n_operations = len(served_operations())
    sys.stdout.write(f"{n_operations} operations, {n_requests} requests, {len(findings)} findings\n")
    return 1 if findings else 0


def served_operations() -> list[str]:
    """The names of all operations that are served natively."""
    return [served.operation for room in ROOMS for _, served in declared_in(room)]


async def _examine(folder: Path) -> list[Examination]:
    emulator = Emulator(Settings(data_dir=folder), "http://127.0.0.1:0")
    try:
        known = await furnish(await emulator.aws.open(), emulator.native.plane.handle)
        return [await _examine_service(name, emulator.native.plane.handle, Maker(known)) for name in SERVICES]
    finally:
        await emulator.close()


async def _examine_service(name: str, handle: Handle, maker: Maker) -> Examination:
    """One service; what deletes comes last, so that there is something to be shown before."""
    examination = Examination(modelled(name), handle, maker)
    served = set(served_operations())
    names = [operation for operation in examination.service.model.operation_names if operation in served]
    for operation in sorted(names, key=lambda operation: (operation.startswith("Delete"), operation)):
        await examination.examine(operation)
    return examination
