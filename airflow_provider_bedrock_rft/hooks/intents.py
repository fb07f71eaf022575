"""Where a task keeps what it is about to do, so that its next try finds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from airflow_provider_bedrock_rft.core.errors import InvalidInput
from airflow_provider_bedrock_rft.core.job.identity import task_key
from airflow_provider_bedrock_rft.hooks.inputs import text_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_bedrock_rft.core.ports import IntentStore
    from airflow_provider_bedrock_rft.hooks.bedrock_rft import BedrockRftHook
    from airflow_provider_bedrock_rft.hooks.inputs import Text


class StateStore(Protocol):
    """Airflow's task state store (3.3), as far as intents need it. It outlives tries and Clear."""

    def get(self, key: str) -> object:
        """The value, ``None`` when there is none."""
        ...

    def set(self, key: str, value: object, *, retention: object = None) -> None:
        """Store a JSON value."""
        ...


class TaskStateIntents:
    """An ``IntentStore`` over the task state store. Only one task instance sees it, and nothing in it expires."""

    def __init__(self, store: StateStore) -> None:
        self._store = store

    def read(self, key: str) -> Mapping[str, object] | None:
        """The document, ``None`` when there is none."""
        return cast("Mapping[str, object] | None", self._store.get(key))

    def write(self, key: str, document: Mapping[str, object]) -> None:
        """Store the document; it is in Airflow's database when this returns."""
        from airflow.sdk.execution_time.context import NEVER_EXPIRE

        self._store.set(key, dict(document), retention=NEVER_EXPIRE)

    def create(self, key: str, document: Mapping[str, object]) -> bool:
        """Store the document unless there is one. Airflow runs one try of a task at a time: nobody else writes here."""
        if self.read(key) is not None:
            return False
        self.write(key, document)
        return True


def intents_of(context: Context, hook: BedrockRftHook, artifacts_uri: Text | None) -> IntentStore:
    """S3 below ``artifacts_uri``, which every task of every DAG sees; else the task's own state store (Airflow 3.3).

    Raises:
        InvalidInput: Neither is there.
    """
    if artifacts_uri:
        return hook.intents(f"{text_of(artifacts_uri, 'artifacts_uri', {}).rstrip('/')}/intents")
    store = cast("Mapping[str, object]", context).get("task_state_store")
    if store is None:
        raise InvalidInput(
            "Airflow before 3.3 cannot remember that a job was about to be created.",
            action="Give artifacts_uri='s3://bucket/prefix': the intent is written there before the job is created.",
        )
    return TaskStateIntents(cast("StateStore", store))


def key_of(context: Context) -> str:
    """The identity of a task's work, the same for all its tries."""
    ti = context["ti"]
    return task_key(
        dag_id=ti.dag_id, task_id=ti.task_id, run_id=ti.run_id, map_index=-1 if ti.map_index is None else ti.map_index
    )


def generation_of(context: Context) -> str:
    """Changes when a person clears the task, not when the scheduler retries it: Clear raises ``max_tries``."""
    return str(context["ti"].max_tries)
