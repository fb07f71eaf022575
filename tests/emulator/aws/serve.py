"""Serves the AWS plane alone: ``python serve.py DATA_DIR SETTLE_SECONDS``; says ``ready URL`` when it does."""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from pathlib import Path

import uvicorn

from airflow_provider_bedrock_rft.emulator.auth import Authenticator, KeyRing
from airflow_provider_bedrock_rft.emulator.aws import AwsPlane


async def main(root: Path, settle_seconds: float) -> None:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)  # asyncio: no delay for TCP only
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    keys = KeyRing({"222222222222": ("AKIAOTHERACCOUNT0001", "other-secret")})
    plane = AwsPlane(
        root, Authenticator(keys), endpoint=lambda: url, now=time.time, seed=7, settle_seconds=settle_seconds
    )
    await plane.open()
    server = uvicorn.Server(uvicorn.Config(plane, lifespan="off", log_level="warning"))
    print("ready", url, flush=True)  # noqa: T201
    await server.serve(sockets=[listener])
    await plane.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), float(sys.argv[2])))
