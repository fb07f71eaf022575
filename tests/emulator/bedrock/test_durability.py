from __future__ import annotations

import json
from typing import Any

import psutil

MODEL = "amazon.nova-2-lite-v1:0"


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


def test_a_batch_and_an_evaluation_go_on_after_a_kill(start_emulator: Any, native_of: Any, wait_until: Any) -> None:
    emulator = start_emulator()
    native = native_of(emulator)
    asks = [[{"role": "user", "content": [{"text": f"What is {number} + 1?"}]}] for number in range(400)]
    lines = [json.dumps({"recordId": f"r{n}", "modelInput": {"messages": ask}}) for n, ask in enumerate(asks)]
    source = native.put("batch/in/records.jsonl", "\n".join(lines).encode())
    batch = native.bedrock.create_model_invocation_job(
        jobName="interrupted",
        roleArn=native.role,
        modelId=MODEL,
        modelInvocationType="Converse",
        inputDataConfig={"s3InputDataConfig": {"s3Uri": source}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": f"s3://{native.bucket}/batch/out/"}},
    )["jobArn"]
    said = [{"response": "5", "modelIdentifier": "mine"}]
    records = [{"prompt": f"{n} + 1?", "referenceResponse": str(n + 1), "modelResponses": said} for n in range(1000)]
    dataset = {
        "name": "heldout",
        "datasetLocation": {"s3Uri": native.put("eval.jsonl", "\n".join(map(json.dumps, records)).encode())},
    }
    config = {"taskType": "Generation", "dataset": dataset, "metricNames": ["Builtin.Accuracy"]}
    mine = {"precomputedInferenceSource": {"inferenceSourceIdentifier": "mine"}}
    evaluation = native.bedrock.create_evaluation_job(
        jobName="interrupted",
        roleArn=native.role,
        evaluationConfig={"automated": {"datasetMetricConfigs": [config]}},
        inferenceConfig={"models": [mine]},
        outputDataConfig={"s3Uri": f"s3://{native.bucket}/scores/"},
    )["jobArn"]
    before = native.bedrock.get_model_invocation_job(jobIdentifier=batch)["status"]
    emulator.kill()
    assert before in {"Submitted", "InProgress"}
    emulator.start()
    wait_until(lambda: native.bedrock.get_evaluation_job(jobIdentifier=evaluation)["status"] == "Completed")
    wait_until(lambda: native.bedrock.get_model_invocation_job(jobIdentifier=batch)["status"] == "Completed")
    out = native.read(f"batch/out/{batch.rpartition('/')[2]}/records.jsonl.out").splitlines()
    assert [json.loads(line)["recordId"] for line in out] == [f"r{number}" for number in range(400)]
    listed = emulator.aws("s3").list_objects_v2(Bucket=native.bucket, Prefix="scores/")["Contents"]
    assert len(listed) == 1, "a job begun again leaves no second file"
    assert len(native.read(listed[0]["Key"]).splitlines()) == 1000


def test_a_job_goes_on_when_its_worker_is_killed(
    start_emulator: Any, native_of: Any, finished: Any, wait_until: Any
) -> None:
    emulator = start_emulator()
    native = native_of(emulator)
    request = native.request(hyperparameters={"epochCount": 4, "evalInterval": 2})
    arn = native.bedrock.create_model_customization_job(**request)["jobArn"]
    wait_until(lambda: step_of(native, arn) >= 3)
    folder = str(emulator.folder)
    kill_worker(folder)
    job = finished(native, arn)
    assert job["status"] == "Completed"
    key = f"out/model-customization-job-{arn.rpartition('/')[2]}/training_artifacts/step_wise_training_metrics.csv"
    numbers = [int(line.partition(",")[0]) for line in native.read(key).splitlines()[1:]]
    assert numbers == list(range(28))  # no step is lost or doubled


def kill_worker(folder: str) -> None:
    """Kill the training worker of the emulator that has this data folder."""
    for process in psutil.Process().children(recursive=True):
        command = process.cmdline()
        parent = process.parent()
        if any(part.endswith("learner.worker") for part in command) and parent and folder in parent.cmdline():
            process.kill()
