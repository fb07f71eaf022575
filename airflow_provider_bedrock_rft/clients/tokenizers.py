"""Tokenizers that are at hand without a network, to count a prompt's tokens exactly."""

from __future__ import annotations

import base64
import binascii
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.core.errors import InvalidInput

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_bedrock_rft.core.dataset.length import CountTokens

_O200K = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
"""How the o200k family (gpt-oss among it) cuts text before merging."""


def load_tokenizer(spec: str) -> CountTokens:
    """What counts tokens, from a file.

    Args:
        spec: ``tokenizer.json`` (read by the package tokenizers), or ``*.tiktoken`` with the merge ranks of the o200k
            family (read by the package tiktoken).

    Raises:
        InvalidInput: The file or the package that reads it is not there, or the file is no such thing.
    """
    path = Path(spec)
    needed = "tiktoken" if path.suffix == ".tiktoken" else "tokenizers"
    if not path.is_file():
        raise InvalidInput(
            f"There is no tokenizer file {spec}.",
            action="Give the model's tokenizer.json or *.tiktoken file; without one an upper bound is used.",
        )
    if find_spec(needed) is None:
        raise InvalidInput(
            f"{path.name} is read by the package {needed}, which is not installed.", action=f"pip install {needed}"
        )
    return _from_ranks(path) if needed == "tiktoken" else _from_json(path)


def _from_json(path: Path) -> CountTokens:
    made: Any = import_module("tokenizers").Tokenizer
    try:
        tokenizer = made.from_file(str(path))
    except Exception as error:  # noqa: BLE001 -- the package raises bare Exception for whatever the file holds
        raise InvalidInput(f"{path} is no tokenizer file: {error}.") from None
    return lambda text: len(tokenizer.encode(text, add_special_tokens=False).ids)


def _from_ranks(path: Path) -> CountTokens:
    encoding: Any = import_module("tiktoken").Encoding(
        path.stem, pat_str=_O200K, mergeable_ranks=dict(_ranks_in(path)), special_tokens={}
    )
    return lambda text: len(encoding.encode_ordinary(text))


def _ranks_in(path: Path) -> Mapping[bytes, int]:
    try:
        pairs = (line.split() for line in path.read_bytes().splitlines() if line)
        return {base64.b64decode(token, validate=True): int(rank) for token, rank in pairs}
    except (ValueError, binascii.Error) as error:
        raise InvalidInput(f"{path} holds no merge ranks: {error}.") from None
