"""A task whose verdict says what follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.standard.operators.branch import BranchMixIn

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from airflow.sdk import Context


class SteersByVerdict(BranchMixIn):
    """Follows ``branches``; without them what follows directly runs when the verdict is to go on, else it is skipped.

    Attributes:
        branches: Verdict → task id (or ids) to follow; a verdict that is left out follows none.
    """

    branches: Mapping[str, str | Sequence[str]] | None

    def steer(self, context: Context, verdict: str, outcome: dict[str, object], *, goes_on: bool) -> dict[str, object]:
        """Hand on ``outcome``, and skip what the verdict rules out."""
        # Skipping downstream tasks leaves this method by an exception, after which Airflow stores no return value.
        context["ti"].xcom_push(key="return_value", value=outcome)
        if self.branches is not None:
            self.do_branch(context, self.branches.get(verdict))
        elif not goes_on:
            self.skip(ti=context["ti"], tasks=context["task"].get_direct_relatives(upstream=False))
        return outcome


def check_branches(
    branches: Mapping[str, str | Sequence[str]] | None, verdicts: Collection[str]
) -> Mapping[str, str | Sequence[str]] | None:
    """``branches``, if they are of ``verdicts``.

    Raises:
        ValueError: They are not; the DAG fails to import, and says why.
    """
    if unknown := set(branches or ()) - set(verdicts):
        raise ValueError(f"branches has {sorted(unknown)}; the verdicts are {', '.join(verdicts)}.")
    return branches
