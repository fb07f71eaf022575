"""Unpacks function packages into read-only folders, one per content."""

from __future__ import annotations

import io
import os
import shutil
import stat
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.functions.invocation import CodeRefused

if TYPE_CHECKING:
    from collections.abc import Callable

MAX_UNPACKED_BYTES = 250 * 1024 * 1024
_CHUNK_BYTES = 1 << 20


class CodeStore:
    """Folders of unpacked code below ``root``, named by the package's digest."""

    def __init__(self, root: Path) -> None:
        self._root = root
        root.mkdir(parents=True, exist_ok=True)

    def folder(self, sha256: str, read: Callable[[], bytes]) -> Path:
        """The folder of a package; ``read`` is called for its zip when it is new here.

        Raises:
            CodeRefused: Not a zip, too large, or with a member that would land outside of its folder.
        """
        folder = self._root / _safe_name(sha256)
        if not folder.is_dir():
            self._unpack(read(), folder)
        return folder

    def _unpack(self, package: bytes, folder: Path) -> None:
        work = Path(tempfile.mkdtemp(dir=self._root, prefix=".unpacking-"))
        try:
            _extract(package, work)
            _make_read_only(work)
            work.rename(folder)
        except OSError:
            if not folder.is_dir():  # otherwise another invocation was first
                raise
        finally:
            remove(work)


def check(package: bytes) -> None:
    """Look through a package without unpacking it.

    Raises:
        CodeRefused: Not a zip, or with a member that would land outside of its folder.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            for member in archive.infolist():
                _inside(member)
    except zipfile.BadZipFile:
        raise CodeRefused("Could not unzip uploaded file. Please check your file, then try to upload again.") from None


def remove(folder: Path) -> None:
    """Delete a folder, also a read-only one."""
    if folder.exists():
        for path, _, _ in os.walk(folder):
            Path(path).chmod(0o755)
        shutil.rmtree(folder, ignore_errors=True)


def _safe_name(sha256: str) -> str:
    return "".join(c if c.isalnum() else "-" for c in sha256)


def _extract(package: bytes, folder: Path) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(package)) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise CodeRefused(f"Unzipped size must be smaller than {MAX_UNPACKED_BYTES} bytes.")
            left = MAX_UNPACKED_BYTES
            for member in members:
                left -= _extract_member(archive, member, folder, left)
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise CodeRefused(
            f"Could not unzip uploaded file. Please check your file, then try to upload again: {error}"
        ) from None


def _extract_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path, left: int) -> int:
    """Write one member and answer its size; a header's stated size is not trusted."""
    target = folder / _inside(member)
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return 0
    target.parent.mkdir(parents=True, exist_ok=True)
    n_bytes = 0
    with archive.open(member) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK_BYTES):
            n_bytes += len(chunk)
            if n_bytes > left:
                raise CodeRefused(f"Unzipped size must be smaller than {MAX_UNPACKED_BYTES} bytes.")
            sink.write(chunk)
    target.chmod(0o555 if (member.external_attr >> 16) & stat.S_IXUSR else 0o444)
    return n_bytes


def _inside(member: zipfile.ZipInfo) -> PurePosixPath:
    name = PurePosixPath(member.filename.replace("\\", "/"))
    if name.is_absolute() or ".." in name.parts or ":" in (name.parts or ("",))[0] or "\0" in member.filename:
        raise CodeRefused(f"The package's member {member.filename!r} lies outside of the package.")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise CodeRefused(f"The package's member {member.filename!r} is a symbolic link; pack the file itself.")
    return name


def _make_read_only(folder: Path) -> None:
    for path, _, _ in os.walk(folder, topdown=False):
        Path(path).chmod(0o555)
