"""How a grader's code gets to Lambda: in the request, by way of S3, or as an image that Lambda fetches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.core.errors import InvalidGrader
from airflow_provider_bedrock_rft.core.grader.image import GraderImage
from airflow_provider_bedrock_rft.core.grader.package import MAX_ZIP_BYTES, GraderPackage
from airflow_provider_bedrock_rft.core.identifiers import S3Uri
from airflow_provider_bedrock_rft.core.ports import CodePlace

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.core.ports import FunctionConfig, ObjectStore


def check_code(package: GraderPackage | GraderImage, *, packages_uri: str) -> None:
    """Refuse code that could not be brought to Lambda, before anything is made.

    Raises:
        InvalidGrader: It is too large for a request, and there is no place in S3 for it.
        InvalidIdentifier: That place is no ``s3://`` URI.
    """
    if isinstance(package, GraderPackage) and len(package.zip_bytes) > MAX_ZIP_BYTES and not packages_uri:
        raise InvalidGrader(
            f"{package.origin}: the package has {len(package.zip_bytes) / 2**20:.0f} MB zipped; Lambda takes "
            f"{MAX_ZIP_BYTES / 2**20:.0f} MB in a request.",
            action="Give packages_uri, an s3://bucket/prefix in the function's region, to send it by way of S3; or "
            "drop dependencies, put them into a layer, or build a container image.",
        )
    if packages_uri:
        S3Uri.parse(packages_uri)


def place_code(
    package: GraderPackage | GraderImage, objects: ObjectStore | None, *, packages_uri: str
) -> bytes | CodePlace:
    """What Lambda is given: the bytes, or the place of a package that is too large for a request (stored once)."""
    if isinstance(package, GraderImage):
        return CodePlace(image_uri=package.image_uri)
    if len(package.zip_bytes) <= MAX_ZIP_BYTES or objects is None:
        return package.zip_bytes
    uri = f"{packages_uri.rstrip('/')}/{package.sha256}.zip"
    if objects.etag(uri) is None:
        objects.put_bytes(uri, package.zip_bytes)
    return CodePlace(s3_uri=uri)


def check_kind(existing: FunctionConfig, wanted: FunctionConfig) -> None:
    """Refuse to turn a function of a package into one of an image, or back: Lambda cannot.

    Raises:
        InvalidGrader: They differ in that.
    """
    if bool(existing.runtime) != bool(wanted.runtime):
        has, gets = ("a package", "an image") if existing.runtime else ("an image", "a package")
        raise InvalidGrader(
            f"The function {wanted.name} was made for {has} and cannot be given {gets}.",
            action="Deploy under another function name.",
        )
