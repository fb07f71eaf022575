"""Weights as bytes: compact, exact, and the same bytes for the same weights."""

from __future__ import annotations

import zlib

import numpy as np

from airflow_provider_bedrock_rft.emulator.learner.features import DIMENSION, FloatArray

_MAGIC = b"local-sim/1\n"


class MalformedWeights(ValueError):
    """The bytes are not weights of this policy."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"These bytes are not weights of local-sim: {why}. Start from a checkpoint it wrote, or from its base."
        )


def zero_weights() -> FloatArray:
    """Weights of a policy that finds every candidate equally good."""
    return np.zeros(DIMENSION, np.float32)


def dump_weights(weights: FloatArray) -> bytes:
    """The weights that are not zero, packed."""
    present = weights != 0
    body = np.packbits(present).tobytes() + weights[present].astype("<f4").tobytes()
    return _MAGIC + zlib.compress(body, 6)


def load_weights(blob: bytes) -> FloatArray:
    """The weights :func:`dump_weights` packed.

    Raises:
        MalformedWeights: if the bytes are something else.
    """
    if not blob.startswith(_MAGIC):
        raise MalformedWeights("they begin differently")
    try:
        body = zlib.decompress(blob[len(_MAGIC) :])
    except zlib.error as error:
        raise MalformedWeights("they are damaged") from error
    present = np.unpackbits(np.frombuffer(body[: DIMENSION // 8], np.uint8)).astype(bool)
    values = body[DIMENSION // 8 :]
    if present.size != DIMENSION or len(values) != 4 * int(present.sum()):
        raise MalformedWeights("their length is wrong")
    weights = zero_weights()
    weights[present] = np.frombuffer(values, "<f4")
    return weights
