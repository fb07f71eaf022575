"""Listings: filters, order and pages, alike for every kind of resource."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project

if TYPE_CHECKING:
    from collections.abc import Sequence

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.exchange import Json

_DEFAULT_PAGE = 100
_LONGEST_PAGE = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """How one kind is listed: the reply's member, and which document members the filters are about.

    ``equals`` maps a parameter to the document's member that must be equal to it; ``after`` and ``before`` are the
    parameters about the time of creation, where they are named otherwise than elsewhere.
    """

    member: str
    arn: str
    name: str
    created: str = "creationTime"
    equals: Mapping[str, str]
    after: str = ""
    before: str = ""

    def answer(self, call: Call, now: float, documents: Sequence[Json]) -> Json:
        """One page of those documents that the call asks for; a late listing leaves out what is new.

        Raises:
            BedrockError: its token is none of ours.
        """
        params = call.params
        chosen = [
            document
            for document in documents
            if self._is_wanted(document, params)
            and (not call.stale_seconds or document[self.created] <= now - call.stale_seconds)
        ]
        ascending = params.get("sortOrder") == "Ascending"
        chosen.sort(key=lambda document: (document[self.created], document[self.arn]), reverse=not ascending)
        shape = call.operation.output_shape.members[self.member]
        page, token = self._page(chosen, params, shape.metadata.get("max", _LONGEST_PAGE))
        if not page and shape.metadata.get("min"):
            return {}
        answer: Json = {self.member: [project(shape.member, document) for document in page]}
        return {**answer, "nextToken": token} if token else answer

    def _is_wanted(self, document: Json, params: Json) -> bool:
        after = params.get(self.after or "creationTimeAfter") or params.get("createdAfter")
        before = params.get(self.before or "creationTimeBefore") or params.get("createdBefore")
        return (
            (after is None or document[self.created] >= after.timestamp())
            and (before is None or document[self.created] <= before.timestamp())
            and params.get("nameContains", "").lower() in document[self.name].lower()
            and all(document.get(field) == params[name] for name, field in self.equals.items() if name in params)
        )

    def _page(self, chosen: Sequence[Json], params: Json, longest: int) -> tuple[Sequence[Json], str | None]:
        start = 0
        if token := params.get("nextToken"):
            last = _read_token(token)
            places = [place for place, document in enumerate(chosen) if document[self.arn] == last]
            if not places:
                raise invalid("The provided next token is invalid.")
            start = places[0] + 1
        page = chosen[start : start + min(longest, params.get("maxResults", _DEFAULT_PAGE))]
        more = start + len(page) < len(chosen)
        return page, _token(page[-1][self.arn]) if more and page else None


def _token(last: str) -> str:
    return base64.urlsafe_b64encode(json.dumps({"after": last}).encode()).decode()


def _read_token(token: str) -> str:
    try:
        return str(json.loads(base64.urlsafe_b64decode(token.encode()))["after"])
    except (ValueError, KeyError, TypeError):
        raise invalid("The provided next token is invalid.") from None
