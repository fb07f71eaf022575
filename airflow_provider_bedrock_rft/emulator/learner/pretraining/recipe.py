"""What the base was made from, as a digest: it tells when the shipped weights no longer belong to the code."""

from __future__ import annotations

from hashlib import sha256
from random import Random

from airflow_provider_bedrock_rft.emulator.learner.features import DIMENSION
from airflow_provider_bedrock_rft.emulator.learner.pretraining.fitting import SEED, SETTINGS
from airflow_provider_bedrock_rft.emulator.learner.pretraining.lessons import make_lessons

N_SAMPLED_LESSONS = 200


def recipe_digest() -> str:
    """The SHA-256 of the settings and of the features and decisions of the first lessons; whole numbers and words only,
    so that every machine comes to the same.
    """
    digest = sha256(f"{DIMENSION} {SEED} {SETTINGS}".encode())
    for lesson in make_lessons(Random(SEED), N_SAMPLED_LESSONS):
        for decision in lesson:
            choice = decision.choice
            digest.update(f"{choice.head} {choice.names} {decision.picked}".encode())
            digest.update(choice.index_C_F.astype("<i4").tobytes())
    return digest.hexdigest()
