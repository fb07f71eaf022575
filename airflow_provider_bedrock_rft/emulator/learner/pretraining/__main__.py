"""Write the base checkpoint anew, with the digest of what it was made from."""

from __future__ import annotations

import sys

from airflow_provider_bedrock_rft.emulator.learner.checkpoint import BASE_PATH, RECIPE_PATH
from airflow_provider_bedrock_rft.emulator.learner.pretraining.fitting import make_base
from airflow_provider_bedrock_rft.emulator.learner.pretraining.recipe import recipe_digest
from airflow_provider_bedrock_rft.emulator.learner.weights import dump_weights

if __name__ == "__main__":
    blob = dump_weights(make_base())
    BASE_PATH.write_bytes(blob)
    RECIPE_PATH.write_text(f"{recipe_digest()}\n", encoding="ascii")
    sys.stdout.write(f"{BASE_PATH.name}: {len(blob)} bytes\n")
