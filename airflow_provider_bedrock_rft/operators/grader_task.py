"""``@task.rft_grader``: a grading function in a DAG's file, deployed by a task of that DAG."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from airflow_provider_bedrock_rft.operators.grader import BedrockRftDeployGraderOperator

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow.sdk import XComArg


class GraderTask:
    """A grading function that, called inside a DAG, becomes the task that deploys it.

    Args:
        function: A plain grading function, or one that ``rft_grader`` decorates.
        options: Arguments of :class:`BedrockRftDeployGraderOperator`. ``task_id`` is the function's name and
            ``function_name`` is made from it where they are left out.
    """

    def __init__(self, function: Callable[..., Any], options: dict[str, object]) -> None:
        self.function = function
        self.options = options
        self.__name__: str = getattr(function, "__name__", "grader")
        self.__doc__ = function.__doc__

    def __call__(self) -> XComArg:
        """Make the task; its output is the payload ``rft.grader``."""
        options: Mapping[str, Any] = {
            "task_id": self.__name__,
            "function_name": f"bedrock-rft-{self.__name__}".replace("_", "-"),
            **self.options,
        }
        output: XComArg = BedrockRftDeployGraderOperator(source=self.source, **options).output
        return output

    @property
    def source(self) -> str:
        """``path/to/dag.py:function``; read again wherever the DAG's file is parsed."""
        plain = inspect.unwrap(getattr(self.function, "function", self.function))
        return f"{inspect.getsourcefile(plain)}:{self.__name__}"

    def override(self, **options: object) -> GraderTask:
        """The same function as another task."""
        return GraderTask(self.function, {**self.options, **options})


def rft_grader_task(
    python_callable: Callable[..., Any] | None = None, **options: object
) -> GraderTask | Callable[[Callable[..., Any]], GraderTask]:
    """Deploy the decorated grading function: ``@task.rft_grader`` or ``@task.rft_grader(function_name=…, …)``.

    The function leaves the DAG's file behind, but for what it needs of it: imports, constants, functions and classes at
    its top level, and modules beside it.
    """
    if python_callable is not None:
        return GraderTask(python_callable, dict(options))
    return lambda function: GraderTask(function, dict(options))
