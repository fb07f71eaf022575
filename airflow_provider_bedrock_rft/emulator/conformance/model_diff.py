"""What has changed in botocore's service models since somebody last looked: ``--model-diff``.

The models are what the emulator reads requests and writes replies by, so a new member appears in it by itself. What it
*means* does not: that somebody has to look at. The digests of what was looked at are in ``reviewed_models.json``, one
per operation, and one per member of the shapes that the served operations use.
``python -m airflow_provider_bedrock_rft.emulator.conformance.model_diff --accept`` rewrites it.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from airflow_provider_bedrock_rft.emulator.bedrock.assembling import ROOMS
from airflow_provider_bedrock_rft.emulator.bedrock.call import declared_in

REVIEWED = Path(__file__).with_name("reviewed_models.json")
SERVICES = ("bedrock", "bedrock-runtime", "lambda")
Digests = Mapping[str, Mapping[str, Mapping[str, Any]]]
Model = Mapping[str, Any]


def installed() -> Digests:
    """The digests of the installed models."""
    from botocore.loaders import Loader  # noqa: PLC0415 -- slow

    loader = Loader()
    served = {item.operation for room in ROOMS for _, item in declared_in(room)}
    return {name: digests_of(loader.load_service_model(name, "service-2"), served) for name in SERVICES}


def digests_of(model: Model, served: set[str]) -> Mapping[str, Mapping[str, Any]]:
    """Of one service: every operation with all that it reaches, and each shape that a served one reaches, by member."""
    operations = model["operations"]
    reached = {name: sorted(_reached(model, operation)) for name, operation in operations.items()}
    shapes = sorted({shape for name in served & set(operations) for shape in reached[name]})
    return {
        "operations": {
            name: _digest([operation, [model["shapes"][shape] for shape in reached[name]]])
            for name, operation in sorted(operations.items())
        },
        "shapes": {name: _by_member(model["shapes"][name]) for name in shapes},
    }


def changes(before: Digests, now: Digests) -> Iterator[str]:
    """One line per operation or member that came, went or changed."""
    for service in now:
        old, new = before.get(service, {}), now[service]
        yield from _told(f"{service} operation", old.get("operations", {}), new["operations"])
        known = old.get("shapes", {})
        yield from _told(f"{service} shape", dict.fromkeys(known, ""), dict.fromkeys(new["shapes"], ""))
        for name in sorted(set(known) & set(new["shapes"])):
            yield from _told(f"{service} {name}", known[name], new["shapes"][name])


def model_diff(reviewed: Path = REVIEWED) -> int:
    """Print what has changed; answers the exit status, 1 if anything has."""
    import botocore  # noqa: PLC0415 -- slow

    document = json.loads(reviewed.read_text(encoding="utf-8"))
    found = list(changes(document["services"], installed()))
    for line in found:
        sys.stdout.write(f"{line}\n")
    versions = f"botocore {document['botocore']} (reviewed) to {botocore.__version__} (installed)"
    sys.stdout.write(f"{versions}: {len(found)} changes\n")
    return 1 if found else 0


def accept(reviewed: Path = REVIEWED) -> int:
    """Take the installed models for reviewed; answers the exit status."""
    import botocore  # noqa: PLC0415 -- slow

    document = {"botocore": botocore.__version__, "services": installed()}
    reviewed.write_text(json.dumps(document, indent=0, sort_keys=True) + "\n", encoding="utf-8")
    return 0


def _told(what: str, before: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    for name in sorted({*before, *now}):
        if before.get(name) != now.get(name):
            word = "new" if name not in before else "gone" if name not in now else "changed"
            yield f"{what} {name or 'itself'}: {word}"


def _reached(model: Model, operation: Model) -> set[str]:
    """The names of all shapes below an operation's input, output and errors."""
    waiting = [operation[part]["shape"] for part in ("input", "output") if part in operation]
    waiting += [error["shape"] for error in operation.get("errors", ())]
    reached: set[str] = set()
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            shape = model["shapes"][name]
            parts = [
                *shape.get("members", {}).values(),
                *(shape[key] for key in ("member", "key", "value") if key in shape),
            ]
            waiting += [part["shape"] for part in parts]
    return reached


def _by_member(shape: Model) -> Mapping[str, str]:
    """A digest per member, and under the empty name one of the rest."""
    rest = {name: value for name, value in shape.items() if name != "members"}
    return {"": _digest(rest), **{name: _digest(member) for name, member in shape.get("members", {}).items()}}


def _digest(part: object) -> str:
    return hashlib.sha256(json.dumps(_without_prose(part), sort_keys=True).encode()).hexdigest()[:8]


def _without_prose(part: Any) -> Any:  # noqa: ANN401 -- JSON
    if isinstance(part, Mapping):
        return {name: _without_prose(value) for name, value in part.items() if name != "documentation"}
    return [_without_prose(item) for item in part] if isinstance(part, list) else part


if __name__ == "__main__":
    sys.exit(accept() if "--accept" in sys.argv[1:] else model_diff())
