# Dependencies are resolved from annotations: with postponed ones FastAPI would take the user for a query parameter.
"""Who may see what: Airflow's own answers, asked on every route."""

from collections.abc import Callable

from airflow.api_fastapi.app import get_auth_manager
from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from fastapi import Depends, HTTPException, Request

MAY_READ = [
    Depends(requires_access_dag("GET")),
    Depends(requires_access_dag("GET", DagAccessEntity.RUN)),
    Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE)),
    Depends(requires_access_dag("GET", DagAccessEntity.XCOM)),
]
"""Of the DAG in the path, where there is one: the DAG, its runs, its task instances and what they hand on."""

MAY_READ_QUESTIONS = [Depends(requires_access_dag("GET", DagAccessEntity.HITL_DETAIL))]
"""What the DAG asks people, besides."""
_require_answering = requires_access_dag("PUT", DagAccessEntity.HITL_DETAIL)


def right_to_answer(request: Request, user: GetUserDep) -> Callable[[frozenset[str]], bool]:
    """Whether the user may answer what these people, or everybody, were asked.

    It decides about buttons only: the answer goes from the browser to Airflow's own API, which asks anew.
    """
    try:
        _require_answering(request, user)
    except HTTPException:
        return lambda _assigned: False
    manager = get_auth_manager()
    return lambda assigned: not assigned or manager.is_authorized_hitl_task(assigned_users=set(assigned), user=user)


def readable_dags(user: GetUserDep) -> frozenset[str]:
    """The DAGs that the user may read."""
    return frozenset(get_auth_manager().get_authorized_dag_ids(user=user, method="GET"))
