"""Provisioned Throughput. Whether it is still being created is a matter of the time alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import conflict, invalid, not_found
from airflow_provider_bedrock_rft.emulator.bedrock.foundation import foundation_model
from airflow_provider_bedrock_rft.emulator.bedrock.listing import Listing
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf, new_id
from airflow_provider_bedrock_rft.emulator.bedrock.tags import tagged

if TYPE_CHECKING:
    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.receipts import Receipts
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.store import Store

THROUGHPUT = "native-throughput"
CREATING_SECONDS = 0.5
_DAY = 86_400
_COMMITMENT_SECONDS = {"OneMonth": 30 * _DAY, "SixMonths": 180 * _DAY}
_LISTING = Listing(
    member="provisionedModelSummaries",
    arn="provisionedModelArn",
    name="provisionedModelName",
    equals={"statusEquals": "status", "modelArnEquals": "modelArn"},
)


def throughput_shelf(store: Store) -> Shelf:
    """Where Provisioned Throughput stands."""
    return Shelf(store, THROUGHPUT, "provisioned model", "provisionedModelArn", "provisionedModelName")


def as_of(document: Json, now: float) -> Json:
    """The Provisioned Throughput as it is now."""
    if now < document["lastModifiedTime"] + CREATING_SECONDS:
        is_new = document["lastModifiedTime"] == document["creationTime"]
        return {**document, "status": "Creating" if is_new else "Updating"}
    return {**document, "status": "InService", "modelArn": document["desiredModelArn"]}


class Throughputs:
    """Create, get, list, update and delete."""

    def __init__(self, shelf: Shelf, models: Shelf, clock: EmulatorClock, receipts: Receipts) -> None:
        self._shelf = shelf
        self._models = models
        self._clock = clock
        self._receipts = receipts

    @serves("CreateProvisionedModelThroughput", "documented", "`InService` after half an emulated second (ours)")
    async def create(self, call: Call) -> Json:
        """Buy units for a custom model or one of the bases."""
        params = call.params
        async with self._receipts.creation(call) as earlier:
            if earlier is not None:
                return earlier
            if self._shelf.has_name(call.owner, params["provisionedModelName"]):
                raise invalid("The provided provisioned model name is currently in use.")
            arn = call.arn(f"provisioned-model/{new_id()}")
            answer = {"provisionedModelArn": arn}
            document = self._document(call, arn)
            changes = (*self._shelf.add(call.owner, document), *tagged(call.owner, arn, params.get("tags")))
            await self._shelf.store.commit(*changes, *self._receipts.receipt(call, answer))
        return answer

    @serves("GetProvisionedModelThroughput", "documented")
    async def get(self, call: Call) -> Json:
        """One of them."""
        answer: Json = project(call.operation.output_shape, as_of(self._known(call), self._clock.now()))
        return answer

    @serves("ListProvisionedModelThroughputs", "documented")
    async def list(self, call: Call) -> Json:
        """Those of this owner."""
        now = self._clock.now()
        return _LISTING.answer(call, now, [as_of(document, now) for document in self._shelf.all(call.owner)])

    @serves("UpdateProvisionedModelThroughput", "documented", "another name, or another model of the same base")
    async def update(self, call: Call) -> Json:
        """Change the name or the model."""
        now, params = self._clock.now(), call.params
        document = as_of(self._known(call), now)
        name = str(params.get("desiredProvisionedModelName") or document["provisionedModelName"])
        if name != document["provisionedModelName"] and self._shelf.has_name(call.owner, name):
            raise invalid("The provided provisioned model name is currently in use.")
        changed = {**document, "provisionedModelName": name}
        if "desiredModelId" in params:
            arn, base = self._model(call, params["desiredModelId"])
            if base != document["foundationModelArn"]:
                raise invalid("The desired model must have the same base model.")
            changed.update(desiredModelArn=arn, lastModifiedTime=now)
        await self._shelf.store.commit(*self._shelf.rename(call.owner, document["provisionedModelName"], changed))
        return {}

    @serves("DeleteProvisionedModelThroughput", "documented", "refused while a commitment lasts")
    async def delete(self, call: Call) -> Json:
        """Give the units back."""
        document = self._known(call)
        if self._clock.now() < document.get("commitmentExpirationTime", 0.0):
            raise conflict("A Provisioned Throughput cannot be deleted while its commitment lasts.")
        await self._shelf.store.commit(*self._shelf.remove(call.owner, document))
        return {}

    def _document(self, call: Call, arn: str) -> Json:
        params, now = call.params, self._clock.now()
        model, base = self._model(call, params["modelId"])
        document = {
            "provisionedModelArn": arn,
            "provisionedModelName": params["provisionedModelName"],
            "modelArn": model,
            "desiredModelArn": model,
            "foundationModelArn": base,
            "modelUnits": params["modelUnits"],
            "desiredModelUnits": params["modelUnits"],
            "creationTime": now,
            "lastModifiedTime": now,
        }
        if commitment := params.get("commitmentDuration"):
            ends = now + _COMMITMENT_SECONDS[commitment]
            document.update(commitmentDuration=commitment, commitmentExpirationTime=ends)
        return document

    def _model(self, call: Call, identifier: str) -> tuple[str, str]:
        """The ARNs of the model and of its base."""
        custom = self._models.find(call.owner, identifier)
        if custom is not None:
            return custom["modelArn"], custom["foundationModelArn"]
        base = foundation_model(identifier)
        if base is None:
            raise not_found("model", identifier)
        return base.arn(call.region), base.arn(call.region)

    def _known(self, call: Call) -> Json:
        return self._shelf.known(call.owner, call.params["provisionedModelId"])
