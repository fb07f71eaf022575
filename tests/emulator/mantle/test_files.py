from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import openai
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_file_comes_back_as_it_was_sent(client: openai.OpenAI, jsonl: Callable[[int], bytes]) -> None:
    content = jsonl(120)
    file = client.files.create(file=("train.jsonl", content), purpose="fine-tune")
    assert str(uuid.UUID(file.id)) == file.id  # a bare UUID
    assert (file.bytes, file.filename, file.purpose, file.status) == (
        len(content),
        "train.jsonl",
        "fine-tune",
        "processed",
    )
    assert client.files.retrieve(file.id) == file
    assert client.files.content(file.id).read() == content


def test_files_are_listed_in_pages_either_way(client: openai.OpenAI) -> None:
    made = [client.files.create(file=(f"{i}.jsonl", b"{}"), purpose="batch").id for i in range(5)]
    newest_first = [file.id for file in client.files.list(purpose="batch", limit=2)]
    oldest_first = [file.id for file in client.files.list(purpose="batch", limit=2, order="asc")]
    assert newest_first[:5] == made[::-1]
    assert oldest_first[-5:] == made
    page = client.files.list(purpose="batch", limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    assert made[0] not in {file.id for file in client.files.list(purpose="fine-tune")}


def test_a_deleted_file_is_gone(client: openai.OpenAI) -> None:
    file = client.files.create(file=("a.jsonl", b"{}"), purpose="fine-tune")
    assert client.files.delete(file.id).deleted
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError, match=f"No such File object: {file.id}"):
            ask(file.id)


def test_expiry_is_kept(client: openai.OpenAI) -> None:
    file = client.files.create(
        file=("a.jsonl", b"{}"), purpose="fine-tune", expires_after={"anchor": "created_at", "seconds": 3600}
    )
    assert file.expires_at == file.created_at + 3600


@pytest.mark.parametrize(
    ("content", "purpose", "why"),
    [(b"", "fine-tune", "The file is empty"), (b"{}", "world-domination", "Invalid value for 'purpose'")],
)
def test_bad_uploads_are_refused(client: openai.OpenAI, content: bytes, purpose: Any, why: str) -> None:
    with pytest.raises(openai.BadRequestError, match=why):
        client.files.create(file=("a.jsonl", content), purpose=purpose)


def test_an_upload_that_is_not_multipart_is_refused(emulator: Any) -> None:
    status, answer = emulator.call("POST", "/v1/files", {"purpose": "fine-tune"})
    assert status == 400
    assert answer["error"]["code"] == "validation_error"


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "order=up", "after=nothing"])
def test_bad_page_parameters_are_refused(emulator: Any, query: str) -> None:
    status, answer = emulator.call("GET", f"/v1/files?{query}")
    assert status == 400
    assert answer["error"]["param"] == query.split("=", maxsplit=1)[0]


def test_a_large_file_arrives_whole(client: openai.OpenAI) -> None:
    content = b'{"messages": []}\n' * 400_000
    file = client.files.create(file=("large.jsonl", content), purpose="fine-tune")
    assert client.files.content(file.id).read() == content
