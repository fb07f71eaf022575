"""Write the base checkpoint anew."""

from __future__ import annotations

import sys

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import BASE_PATH
from airflow_provider_bedrock_rft.emulator.learner.pretraining.fitting import make_base
from airflow_provider_bedrock_rft.emulator.learner.weights import dump_weights

if __name__ == "__main__":
    blob = dump_weights(make_base())
    BASE_PATH.write_bytes(blob)
    sys.stdout.write(f"{BASE_PATH.name}: {len(blob)} bytes\n")
