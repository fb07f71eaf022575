from __future__ import annotations

from airflow_provider_bedrock_rft.core.job.forecast import NATIVE, PastRun, forecast_job
from airflow_provider_bedrock_rft.core.job.plan import PlannedRequest, plan_lines
from airflow_provider_bedrock_rft.core.job.spec import RftHyperparameters

REQUESTS = [PlannedRequest(operation="CreateModelCustomizationJob", parameters={"jobName": "tutor-1"})]


def test_every_request_and_what_the_job_would_take_are_said() -> None:
    given = RftHyperparameters(n_epochs=2, batch_size=16, samples_per_prompt=4, max_completion_tokens=100)
    past = [PastRun(n_steps=10, seconds=3600), PastRun(n_steps=10, seconds=7200)]
    forecast = forecast_job(given, n_records=320, plane=NATIVE, past=past, price_per_hour=10.0)
    said = "\n".join(plan_lines(REQUESTS, forecast))
    assert 'Would send CreateModelCustomizationJob:\n{\n  "jobName": "tutor-1"\n}' in said
    assert "at most 40 steps, 2560 completions" in said
    assert "at most 256,000 completion tokens" in said
    assert "6.0 h (" in said
    assert "cost 60.00 (" in said


def test_what_is_not_known_is_not_made_up() -> None:
    assert "No forecast" in list(plan_lines(REQUESTS, None))[-1]
    forecast = forecast_job(RftHyperparameters(), n_records=100, plane=NATIVE)
    said = "\n".join(plan_lines([], forecast))
    assert "smaller than one batch" in said
    assert "cost" not in said
