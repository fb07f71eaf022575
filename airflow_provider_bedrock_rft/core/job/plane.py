"""Which control plane has which model: the one table, for jobs and for inference."""

from __future__ import annotations

import re
from enum import Enum


class Plane(str, Enum):
    """A control plane of Bedrock that trains, and the runtime beside it."""

    MANTLE = "mantle"
    NATIVE = "native"


_NATIVE = re.compile(
    r"(?:arn:aws[a-z-]*:bedrock:[a-z0-9-]*:\d*:"
    r"(?:foundation-model|inference-profile|application-inference-profile|custom-model|custom-model-deployment"
    r"|provisioned-model)/"
    r"|(?:(?:us|eu|apac|jp|global)\.)?amazon\.).+"
)


def plane_of_model(model: str) -> Plane:
    """The plane of a base model's id, an inference profile, a deployment or a model ARN; Mantle unless known better.

    Mantle's tuned models and checkpoints go by opaque ids, so what is not recognisably native is Mantle's.
    """
    return Plane.NATIVE if _NATIVE.fullmatch(model) else Plane.MANTLE
