"""On-demand deployments of custom models. Whether one is still being created is a matter of the time alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import invalid
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

DEPLOYMENT = "native-deployment"
CREATING_SECONDS = 0.5
_LISTING = Listing(
    member="modelDeploymentSummaries",
    arn="customModelDeploymentArn",
    name="modelDeploymentName",
    created="createdAt",
    equals={"statusEquals": "status", "modelArnEquals": "modelArn"},
)


def deployment_shelf(store: Store) -> Shelf:
    """Where deployments stand."""
    return Shelf(store, DEPLOYMENT, "custom model deployment", "customModelDeploymentArn", "modelDeploymentName")


def as_of(document: Json, now: float) -> Json:
    """The deployment as it is now."""
    changed = document["lastUpdatedAt"]
    ready = now >= changed + CREATING_SECONDS
    shown = {**document, "customModelDeploymentName": document["modelDeploymentName"]}
    update = document.get("updateDetails")
    if update is None:
        return {**shown, "status": "Active" if ready else "Creating"}
    if not ready:
        return {**shown, "status": "Active", "updateDetails": {**update, "updateStatus": "Updating"}}
    done = {**update, "updateStatus": "UpdateCompleted"}
    return {**shown, "status": "Active", "modelArn": update["modelArn"], "updateDetails": done}


class Deployments:
    """Create, get, list, update and delete."""

    def __init__(self, shelf: Shelf, models: Shelf, clock: EmulatorClock, receipts: Receipts) -> None:
        self._shelf = shelf
        self._models = models
        self._clock = clock
        self._receipts = receipts

    @serves(
        "CreateCustomModelDeployment", "documented", "`Creating`, then `Active` after half an emulated second (ours)"
    )
    async def create(self, call: Call) -> Json:
        """Deploy a model."""
        params = call.params
        async with self._receipts.creation(call) as earlier:
            if earlier is not None:
                return earlier
            model = self._models.known(call.owner, params["modelArn"])
            if self._shelf.has_name(call.owner, params["modelDeploymentName"]):
                raise invalid("The provided deployment name is currently in use.")
            arn, now = call.arn(f"custom-model-deployment/{new_id()}"), self._clock.now()
            document = {
                "customModelDeploymentArn": arn,
                "modelDeploymentName": params["modelDeploymentName"],
                "modelArn": model["modelArn"],
                "description": params.get("description"),
                "createdAt": now,
                "lastUpdatedAt": now,
            }
            answer = {"customModelDeploymentArn": arn}
            changes = (*self._shelf.add(call.owner, document), *tagged(call.owner, arn, params.get("tags")))
            await self._shelf.store.commit(*changes, *self._receipts.receipt(call, answer))
        return answer

    @serves("GetCustomModelDeployment", "documented")
    async def get(self, call: Call) -> Json:
        """One deployment."""
        answer: Json = project(call.operation.output_shape, as_of(self._known(call), self._clock.now()))
        return answer

    @serves("ListCustomModelDeployments", "documented")
    async def list(self, call: Call) -> Json:
        """Deployments of this owner."""
        now = self._clock.now()
        return _LISTING.answer(call, now, [as_of(document, now) for document in self._shelf.all(call.owner)])

    @serves("UpdateCustomModelDeployment", "documented", "the old model answers until the update is completed (ours)")
    async def update(self, call: Call) -> Json:
        """Put another model behind a deployment."""
        document = as_of(self._known(call), self._clock.now())
        model = self._models.known(call.owner, call.params["modelArn"])
        changed = {
            **document,
            "updateDetails": {"modelArn": model["modelArn"], "updateStatus": "Updating"},
            "lastUpdatedAt": self._clock.now(),
        }
        await self._shelf.store.commit(self._shelf.update(call.owner, changed))
        return {"customModelDeploymentArn": document["customModelDeploymentArn"]}

    @serves("DeleteCustomModelDeployment", "documented", "the model stays")
    async def delete(self, call: Call) -> Json:
        """Take a deployment away."""
        await self._shelf.store.commit(*self._shelf.remove(call.owner, self._known(call)))
        return {}

    def _known(self, call: Call) -> Json:
        return self._shelf.known(call.owner, call.params["customModelDeploymentIdentifier"])
