"""Names of things, parsed once and never bare strings again.

Each type is a ``str`` that cannot be malformed: it renders in templates, logs and JSON as it was given.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from airflow_provider_bedrock_rft.core.errors import InvalidIdentifier

if TYPE_CHECKING:
    from typing_extensions import Self


class _Identifier(str):
    """A string that matched its pattern when it was made."""

    __slots__ = ()
    pattern: ClassVar[re.Pattern[str]]
    expected: ClassVar[str]

    @classmethod
    def parse(cls, text: str) -> Self:
        """The identifier in ``text``.

        Raises:
            InvalidIdentifier: ``text`` is not of this form.
        """
        if not isinstance(text, str) or not cls.pattern.fullmatch(text):
            raise InvalidIdentifier(f"{text!r} is not {cls.expected}.", value=str(text))
        return cls(text)

    def part(self, name: str) -> str:
        """The named group of the pattern, empty where the text has none."""
        match = self.pattern.fullmatch(self)
        return (match.group(name) or "") if match else ""


class Arn(_Identifier):
    """Any Amazon Resource Name."""

    __slots__ = ()
    pattern = re.compile(
        r"arn:(?P<partition>aws[a-z-]*):(?P<service>[a-z0-9-]+):(?P<region>[a-z0-9-]*):(?P<account>[0-9]{12}|aws)?:(?P<resource>.+)"
    )
    expected = "an ARN such as arn:aws:lambda:us-west-2:111122223333:function:my-grader:7"


class LambdaArn(_Identifier):
    """A Lambda function ARN, with or without a version or alias (pattern: botocore, bedrock ``LambdaArn``)."""

    __slots__ = ()
    pattern = re.compile(
        r"arn:(?P<partition>aws[a-zA-Z-]*):lambda:(?P<region>[a-z]{2}(?:-gov)?-[a-z]+-\d):(?P<account>\d{12}):function:"
        r"(?P<name>[a-zA-Z0-9_.-]+)(?::(?P<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?"
    )
    expected = "a Lambda function ARN such as arn:aws:lambda:us-west-2:111122223333:function:my-grader:7"

    @property
    def is_immutable(self) -> bool:
        """True for a published version; false for ``$LATEST``, an alias, or no qualifier."""
        return self.part("qualifier").isdigit()


class S3Uri(_Identifier):
    """An ``s3://bucket/key`` (pattern: botocore, bedrock ``S3Uri``)."""

    __slots__ = ()
    pattern = re.compile(r"s3://(?P<bucket>[a-z0-9][-.a-z0-9]{1,61}[a-z0-9])(?:/(?P<key>[-!_*'().a-z0-9A-Z/=]+))?/?")
    expected = "an S3 URI such as s3://my-bucket/path/file.jsonl"

    @property
    def bucket(self) -> str:
        """The bucket's name."""
        return self.part("bucket")

    @property
    def key(self) -> str:
        """The key, empty for a whole bucket."""
        return self.part("key")

    def child(self, *parts: str) -> S3Uri:
        """This URI with ``parts`` below it."""
        return S3Uri.parse("/".join([self.rstrip("/"), *(part.strip("/") for part in parts)]))


class JobName(_Identifier):
    """A customization job's name (pattern and length: botocore, bedrock ``JobName``)."""

    __slots__ = ()
    pattern = re.compile(r"(?=.{1,63}$)[a-zA-Z0-9](?:-*[a-zA-Z0-9+.-])*")
    expected = "a job name of 1 to 63 letters, digits, '+', '-' and '.'"


class ModelId(_Identifier):
    """A model, by id, name or ARN. Tuned models' ids are opaque: nothing parses them."""

    __slots__ = ()
    pattern = re.compile(r"\S{1,2048}")
    expected = "a model id of 1 to 2048 characters without white space"
