"""A grader as a container image that somebody else has built and pushed."""

from __future__ import annotations

import re
from dataclasses import dataclass

from airflow_provider_bedrock_rft.core.errors import InvalidGrader

_PINNED = re.compile(
    r"(?P<registry>\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?)/(?P<repository>[a-z0-9._/-]+)"
    r"@sha256:(?P<digest>[0-9a-f]{64})"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GraderImage:
    """An image in ECR, named by its digest: a tag could be moved to another image under a running job.

    Attributes:
        image_uri: ``<account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<digest>``.
    """

    image_uri: str

    def __post_init__(self) -> None:
        """Refuse what does not name one image for good.

        Raises:
            InvalidGrader: It has a tag or no digest, or is not in ECR, from where alone Lambda takes images.
        """
        if not _PINNED.fullmatch(self.image_uri):
            raise InvalidGrader(
                f"The image {self.image_uri!r} is not named by its digest in ECR.",
                action="Give <account>.dkr.ecr.<region>.amazonaws.com/<repository>@sha256:<digest>, as "
                "`aws ecr describe-images` lists it.",
            )

    @property
    def origin(self) -> str:
        """Where it came from, for people: repository and the start of the digest."""
        name, _, digest = self.image_uri.partition("/")[2].partition("@")
        return f"{name}@{digest[:19]}"

    @property
    def fingerprint(self) -> str:
        """Of its content: the digest."""
        return self.image_uri.rpartition(":")[2]

    @property
    def code_sha256(self) -> str:
        """As Lambda reports it: the digest in hex, other than for packages."""
        return self.fingerprint

    @property
    def handler(self) -> str:
        """Empty: the image has its own entry point."""
        return ""

    @property
    def runtime(self) -> str:
        """Empty, likewise."""
        return ""
