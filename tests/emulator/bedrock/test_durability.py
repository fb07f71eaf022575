from __future__ import annotations

from typing import Any


def step_of(native: Any, arn: str) -> int:
    status, run = native.emulator.call("GET", f"/_emulator/jobs/{arn.rpartition('/')[2]}")
    return int(run["state"]["step"]) if status == 200 else 0


def test_jobs_survive_a_kill_wherever_they_stand(
    start_emulator: Any, native_of: Any, finished: Any, wait_until: Any
) -> None:
    emulator = start_emulator()
    native = native_of(emulator)
    slow = {"epochCount": 6, "evalInterval": 2}
    running = native.bedrock.create_model_customization_job(**native.request(hyperparameters=slow))["jobArn"]
    wait_until(lambda: step_of(native, running) >= 3)
    stopping = native.bedrock.create_model_customization_job(**native.request(hyperparameters=slow))["jobArn"]
    native.bedrock.stop_model_customization_job(jobIdentifier=stopping)
    request = native.request(clientRequestToken="kept")
    fresh = native.bedrock.create_model_customization_job(**request)["jobArn"]
    emulator.kill()
    emulator.start()
    assert native.bedrock.create_model_customization_job(**request)["jobArn"] == fresh
    job = finished(native, running)
    assert job["status"] == "Completed"
    key = f"out/model-customization-job-{running.rpartition('/')[2]}/training_artifacts/step_wise_training_metrics.csv"
    numbers = [int(line.partition(",")[0]) for line in native.read(key).splitlines()[1:]]
    assert numbers == list(range(42))  # no step is lost or doubled
    assert finished(native, stopping)["status"] == "Stopped"
    assert finished(native, fresh)["status"] == "Completed"
