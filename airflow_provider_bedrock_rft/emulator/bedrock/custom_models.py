"""Custom models: what jobs made, and what was imported."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from airflow_provider_bedrock_rft.emulator.aws.refused import AccessRefused
from airflow_provider_bedrock_rft.emulator.bedrock.call import serves
from airflow_provider_bedrock_rft.emulator.bedrock.errors import conflict, invalid
from airflow_provider_bedrock_rft.emulator.bedrock.inputs import SERVICE, place_of
from airflow_provider_bedrock_rft.emulator.bedrock.listing import Listing
from airflow_provider_bedrock_rft.emulator.bedrock.projection import project
from airflow_provider_bedrock_rft.emulator.bedrock.shelf import Shelf, new_id
from airflow_provider_bedrock_rft.emulator.bedrock.tags import tagged
from airflow_provider_bedrock_rft.emulator.store import Change, Drop, DropBlob, Put, PutBlob, Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airflow_provider_bedrock_rft.emulator.bedrock.call import Call
    from airflow_provider_bedrock_rft.emulator.bedrock.receipts import Receipts
    from airflow_provider_bedrock_rft.emulator.clock import EmulatorClock
    from airflow_provider_bedrock_rft.emulator.exchange import Json
    from airflow_provider_bedrock_rft.emulator.mounting import AwsMount

MODEL = "native-model"
_RESERVED = "native-model-reserved"
_IMPORTED = "amazon.nova-2-lite-v1:0:256k"
_LISTING = Listing(
    member="modelSummaries",
    arn="modelArn",
    name="modelName",
    equals={
        "baseModelArnEquals": "baseModelArn",
        "foundationModelArnEquals": "foundationModelArn",
        "modelStatus": "modelStatus",
    },
)
_FROM_JOB = (
    "jobName",
    "jobArn",
    "baseModelArn",
    "baseModelId",
    "customizationType",
    "hyperParameters",
    "trainingDataConfig",
    "validationDataConfig",
    "outputDataConfig",
    "trainingMetrics",
    "validationMetrics",
    "customizationConfig",
    "weights",
)


def model_shelf(store: Store) -> Shelf:
    """Where custom models stand."""
    return Shelf(store, MODEL, "custom model", "modelArn", "modelName")


class ModelNames:
    """Names of models that are there, or will be when a job ends."""

    def __init__(self, store: Store, shelf: Shelf) -> None:
        self._store = store
        self._shelf = shelf

    def is_taken(self, owner: str, name: str) -> bool:
        """True when no other model can have the name."""
        return self._shelf.has_name(owner, name) or self._store.get(_RESERVED, owner, name) is not None

    def reserve(self, owner: str, name: str) -> Change:
        """The write that keeps a name for a job."""
        return Put(kind=_RESERVED, owner=owner, id=name, body=b"{}")

    def release(self, owner: str, name: str) -> Change:
        """The write that gives it back, or up to the model."""
        return Drop(kind=_RESERVED, owner=owner, id=name)


class CustomModels:
    """The operations on custom models."""

    def __init__(
        self,
        shelf: Shelf,
        names: ModelNames,
        clock: EmulatorClock,
        receipts: Receipts,
        aws: AwsMount,
        users: Mapping[str, Shelf],
    ) -> None:
        self._shelf = shelf
        self._names = names
        self._clock = clock
        self._receipts = receipts
        self._aws = aws
        self._users = users

    def of_job(self, owner: str, job: Json) -> tuple[str, tuple[Change, ...]]:
        """The ARN of the model that a job made, and the writes that store it."""
        region, account = owner.split("/")[1], owner.split("/", maxsplit=1)[0]
        arn = f"arn:aws:bedrock:{region}:{account}:custom-model/{job['baseModelId']}/{new_id()}"
        document = {
            **{name: job[name] for name in _FROM_JOB if job.get(name) is not None},
            "modelKmsKeyArn": job.get("outputModelKmsKeyArn"),
            **self._described(owner, arn, job["outputModelName"], job["baseModelId"]),
        }
        return arn, (*self._shelf.add(owner, document), *tagged(owner, arn, job["customModelTags"]))

    @serves("GetCustomModel", "documented")
    async def get(self, call: Call) -> Json:
        """One model."""
        document = self._shelf.known(call.owner, call.params["modelIdentifier"])
        answer: Json = project(call.operation.output_shape, document)
        return answer

    @serves("ListCustomModels", "documented")
    async def list(self, call: Call) -> Json:
        """Models of this owner; nothing is shared, so those that are not owned are none."""
        owned = call.params.get("isOwned", True)
        return _LISTING.answer(call, self._clock.now(), self._shelf.all(call.owner) if owned else ())

    @serves("DeleteCustomModel", "documented", "refused while a deployment or Provisioned Throughput uses the model")
    async def delete(self, call: Call) -> Json:
        """Take a model away."""
        document = self._shelf.known(call.owner, call.params["modelIdentifier"])
        if users := self._users_of(call.owner, document["modelArn"]):
            raise conflict(f"The model is in use by {users[0]}.")
        gone = self._shelf.remove(call.owner, document)
        await self._shelf.store.commit(*gone, DropBlob(name=document["weights"]))
        return {}

    @serves(
        "CreateCustomModel",
        "inferred",
        "of the objects at the place the first that local-sim can read is the weights; with none, the base answers",
    )
    async def create(self, call: Call) -> Json:
        """Import weights from S3, in the name of the role if one is given."""
        params = call.params
        if "s3DataSource" not in params.get("modelSourceConfig", {}):
            raise invalid("The emulator imports from modelSourceConfig.s3DataSource only.")
        async with self._receipts.creation(call) as earlier:
            if earlier is not None:
                return earlier
            if self._names.is_taken(call.owner, params["modelName"]):
                raise invalid("The provided model name is currently in use.")
            arn = call.arn(f"custom-model/imported/{new_id()}")
            weights = await self._imported(call, arn)
            document = {
                **self._described(call.owner, arn, params["modelName"], _IMPORTED),
                "customizationType": "IMPORTED",
                "baseModelArn": f"arn:aws:bedrock:{call.region}::foundation-model/{_IMPORTED}",
                "modelKmsKeyArn": params.get("modelKmsKeyArn"),
                "weights": f"weights/{arn}",
            }
            answer = {"modelArn": arn}
            changes = (*self._shelf.add(call.owner, document), *tagged(call.owner, arn, params.get("modelTags")))
            await self._shelf.store.commit(
                *changes, PutBlob(name=document["weights"], data=weights), *self._receipts.receipt(call, answer)
            )
        return answer

    async def _imported(self, call: Call, arn: str) -> bytes:
        place = place_of(call.params["modelSourceConfig"]["s3DataSource"]["s3Uri"])
        plane = await self._aws.plane()
        keys = plane.list_objects(call.account, place.bucket, place.key)
        if not keys:
            raise invalid(f"There is nothing at s3://{place.bucket}/{place.key}.")
        if role_arn := call.params.get("roleArn"):
            try:
                role = plane.assume(role_arn, service=SERVICE, account=call.account, source_arn=arn)
                for key in keys:
                    role.require("s3:GetObject", f"arn:aws:s3:::{place.bucket}/{key}")
                role.require("s3:ListBucket", f"arn:aws:s3:::{place.bucket}", **{"s3:prefix": place.key})
            except AccessRefused as refused:
                raise invalid(str(refused)) from None
        bodies = (plane.read_object(call.account, place.bucket, key) or b"" for key in keys)
        return await asyncio.to_thread(_weights_among, bodies)

    def _users_of(self, owner: str, arn: str) -> Sequence[str]:
        return [
            str(document[shelf.arn_field])
            for field, shelf in self._users.items()
            for document in shelf.all(owner)
            if document[field] == arn
        ]

    def _described(self, owner: str, arn: str, name: str, base: str) -> Json:
        account, region = owner.split("/")
        return {
            "modelArn": arn,
            "modelName": name,
            "baseModelName": base.partition(":")[0],
            "foundationModelArn": f"arn:aws:bedrock:{region}::foundation-model/{base}",
            "creationTime": self._clock.now(),
            "modelStatus": "Active",
            "ownerAccountId": account,
        }


def _weights_among(bodies: Iterable[bytes]) -> bytes:
    """The first body that local-sim can read; nothing where there is none."""
    from airflow_provider_bedrock_rft.emulator.learner.weights import MalformedWeights, load_weights  # noqa: PLC0415 -- numpy

    for body in bodies:
        with suppress(MalformedWeights):
            load_weights(body)
            return body
    return b""
