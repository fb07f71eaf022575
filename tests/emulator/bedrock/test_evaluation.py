from __future__ import annotations

import itertools
import json
import uuid
from typing import Any

import pytest
from botocore.exceptions import ClientError

JUDGE = "amazon.nova-pro-v1:0"
SOURCE = "rft-model-v1"
_NUMBERS = itertools.count()


def refused(call: Any, code: str, words: str = "", **arguments: Any) -> None:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    assert caught.value.response["Error"]["Code"] == code, caught.value
    assert words in caught.value.response["Error"]["Message"]


def record(number: int, response: str, *, source: str = SOURCE) -> dict[str, Any]:
    return {
        "prompt": f"How much is {number} plus one?",
        "referenceResponse": str(number + 1),
        "category": "sums",
        "modelResponses": [{"response": response, "modelIdentifier": source}],
    }


RECORDS = [record(1, "It is 2."), record(2, "It is 4."), record(3, "4")]


def automated(uri: str, *metrics: str, task: str = "Generation", **more: Any) -> dict[str, Any]:
    dataset = {"name": "heldout", "datasetLocation": {"s3Uri": uri}}
    config = {"taskType": task, "dataset": dataset, "metricNames": list(metrics)}
    return {"automated": {"datasetMetricConfigs": [config], **more}}


def judged_by(model: str = JUDGE) -> dict[str, Any]:
    return {"bedrockEvaluatorModels": [{"modelIdentifier": model}]}


@pytest.fixture(scope="session")
def evaluator(native: Any) -> str:
    """A role with exactly what an evaluation with a judge needs."""
    name = f"evaluator-{uuid.uuid4().hex[:8]}"
    arn = str(native.make_role(name, ("s3:GetObject", "s3:PutObject")))
    statement = {
        "Effect": "Allow",
        "Action": "bedrock:InvokeModel",
        "Resource": f"arn:aws:bedrock:*::foundation-model/{JUDGE}",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    native.emulator.aws("iam").put_role_policy(RoleName=name, PolicyName="judge", PolicyDocument=document)
    return arn


@pytest.fixture
def evaluation(native: Any, evaluator: str) -> Any:
    """A request for an evaluation of some records."""

    def request(records: list[Any], *metrics: str, **changes: Any) -> dict[str, Any]:
        name = f"eval-{next(_NUMBERS)}-{uuid.uuid4().hex[:6]}"
        lines = [item if isinstance(item, str) else json.dumps(item) for item in records]
        uri = native.put(f"{name}/heldout.jsonl", "\n".join(lines).encode())
        source = {"precomputedInferenceSource": {"inferenceSourceIdentifier": SOURCE}}
        chosen = metrics or ("Builtin.Accuracy",)
        return {
            "jobName": name,
            "roleArn": evaluator,
            "evaluationConfig": automated(uri, *chosen, **changes.pop("automated", {})),
            "inferenceConfig": {"models": [source]},
            "outputDataConfig": {"s3Uri": f"s3://{native.bucket}/evaluations/"},
            **changes,
        }

    return request


@pytest.fixture
def ended(native: Any, wait_until: Any) -> Any:
    def wait(arn: str, where: Any = native) -> Any:
        def shown() -> Any:
            job = where.bedrock.get_evaluation_job(jobIdentifier=arn)
            return job if job["status"] not in {"InProgress", "Stopping"} else None

        return wait_until(shown)

    return wait


def results(native: Any, job: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The lines of each result file, by the model's folder."""
    listed = native.emulator.aws("s3").list_objects_v2(Bucket=native.bucket, Prefix=f"evaluations/{job['jobName']}/")
    found = {}
    for item in listed.get("Contents", []):
        _, name, _, models, model, tasks, _, datasets, dataset, file = item["Key"].split("/")
        assert (name, models, tasks, datasets, dataset) == (
            job["jobName"],
            "models",
            "taskTypes",
            "datasets",
            "heldout",
        )
        assert file.endswith("_output.jsonl")
        assert model not in found
        found[model] = [json.loads(line) for line in native.read(item["Key"]).splitlines()]
    return found


def scores(lines: list[dict[str, Any]], metric: str) -> list[Any]:
    return [
        score["result"]
        for line in lines
        for score in line["automatedEvaluationResult"]["scores"]
        if score["metricName"] == metric
    ]


def test_precomputed_responses_are_scored_and_the_results_are_in_the_bucket(
    native: Any, evaluation: Any, ended: Any
) -> None:
    request = evaluation(RECORDS, jobDescription="held out", applicationType="ModelEvaluation")
    job = ended(native.bedrock.create_evaluation_job(**request)["jobArn"])
    assert (job["status"], job["jobType"], job["jobDescription"]) == ("Completed", "Automated", "held out")
    assert job["evaluationConfig"] == request["evaluationConfig"]
    assert job["inferenceConfig"] == request["inferenceConfig"]
    lines = results(native, job)[SOURCE]
    assert scores(lines, "Builtin.Accuracy") == [1.0, 0.0, 1.0]
    given = {name: value for name, value in RECORDS[1].items() if name != "modelResponses"}
    assert (lines[1]["inputRecord"], lines[1]["modelResponses"]) == (given, RECORDS[1]["modelResponses"])


def test_answers_in_free_text_are_scored_by_their_words(native: Any, evaluation: Any, ended: Any) -> None:
    asked = {"prompt": "Where?", "referenceResponse": "in the old town", "modelResponses": []}
    said = [{**asked, "modelResponses": [{"response": text, "modelIdentifier": SOURCE}]} for text in ("the town", "")]
    request = evaluation(said, automated={"task": "QuestionAndAnswer"})
    job = ended(native.bedrock.create_evaluation_job(**request)["jobArn"])
    assert scores(results(native, job)[SOURCE], "Builtin.Accuracy") == [pytest.approx(2 / 3), 0.0]


def test_a_judge_is_asked_for_built_in_and_custom_metrics(native: Any, evaluation: Any, ended: Any) -> None:
    scale = [
        {"definition": "wrong", "value": {"floatValue": 0}},
        {"definition": "right", "value": {"floatValue": 5}},
    ]
    words = [
        {"definition": "no", "value": {"stringValue": "no"}},
        {"definition": "yes", "value": {"stringValue": "yes"}},
    ]
    instructions = "Is {{prediction}} the answer to {{prompt}}, which is {{ground_truth}}?"
    customs = [
        {"customMetricDefinition": {"name": name, "instructions": instructions, "ratingScale": ratings}}
        for name, ratings in (("points", scale), ("verdict", words))
    ]
    more = {
        "evaluatorModelConfig": judged_by(),
        "customMetricConfig": {"customMetrics": customs, "evaluatorModelConfig": judged_by()},
    }
    request = evaluation(RECORDS, "Builtin.Correctness", "points", "verdict", automated=more)
    job = ended(native.bedrock.create_evaluation_job(**request)["jobArn"])
    assert job["status"] == "Completed", job
    lines = results(native, job)[SOURCE]
    assert scores(lines, "Builtin.Correctness") == [1.0, 0.0, 1.0]
    assert scores(lines, "points") == [5.0, 0.0, 5.0]
    assert scores(lines, "verdict") == ["yes", "no", "yes"]
    details = lines[0]["automatedEvaluationResult"]["scores"][0]["evaluatorDetails"]
    assert details[0]["modelIdentifier"].endswith(f"::foundation-model/{JUDGE}")
    assert "holds the reference" in details[0]["explanation"]


def test_a_base_model_is_asked_where_responses_are_not_given(native: Any, evaluation: Any, ended: Any) -> None:
    model = "amazon.nova-2-lite-v1:0"
    models = [{"bedrockModel": {"modelIdentifier": model}}]
    asked = [{"prompt": "How much is 2 plus 3? Answer with a number.", "referenceResponse": "5"}]
    refusing = ended(
        native.bedrock.create_evaluation_job(**evaluation(asked, inferenceConfig={"models": models}))["jobArn"]
    )
    assert "bedrock:InvokeModel" in refusing["failureMessages"][0]
    role = native.make_role(f"asking-{uuid.uuid4().hex[:6]}", ("s3:GetObject", "s3:PutObject"))
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}
    native.emulator.aws("iam").put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="ask", PolicyDocument=json.dumps(document)
    )
    request = evaluation(asked, inferenceConfig={"models": models}, roleArn=role)
    job = ended(native.bedrock.create_evaluation_job(**request)["jobArn"])
    assert job["status"] == "Completed", job
    assert results(native, job)[model][0]["modelResponses"][0]["response"]


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ([record(1, "2"), "{"], "line 2 of heldout is not valid JSON"),
        (['{"referenceResponse": "x"}'], "line 1 of heldout has no prompt"),
        (['{"prompt": "x"}'], "must have modelResponses"),
        ([record(1, "2", source="another")], "'another', which is not an inferenceSourceIdentifier of the job"),
        ([], "has 0 records"),
        ([record(n, "2") for n in range(1001)], "has 1001 records"),
    ],
)
def test_records_that_cannot_be_evaluated_fail_the_job_by_their_line(
    native: Any, evaluation: Any, ended: Any, records: list[Any], words: str
) -> None:
    job = ended(native.bedrock.create_evaluation_job(**evaluation(records))["jobArn"])
    assert job["status"] == "Failed"
    assert words in job["failureMessages"][0]


def test_the_role_must_trust_bedrock_and_hold_each_right(native: Any, evaluation: Any, ended: Any) -> None:
    def failure(role: str, **more: Any) -> str:
        request = evaluation(RECORDS, *more.pop("metrics", ()), roleArn=role, automated=more)
        return str(ended(native.bedrock.create_evaluation_job(**request)["jobArn"])["failureMessages"][0])

    made = uuid.uuid4().hex[:6]
    assert "it does not exist" in failure("arn:aws:iam::123456789012:role/nobody")
    assert "s3:PutObject" in failure(native.make_role(f"eval-reads-{made}", ("s3:GetObject",)))
    assert "s3:GetObject" in failure(native.make_role(f"eval-writes-{made}", ("s3:PutObject",)))
    both = native.make_role(f"eval-both-{made}", ("s3:GetObject", "s3:PutObject"))
    judging = {"metrics": ("Builtin.Helpfulness",), "evaluatorModelConfig": judged_by()}
    assert "bedrock:InvokeModel on resource: arn:aws:bedrock:us-west-2::foundation-model" in failure(both, **judging)


def test_what_cannot_be_evaluated_is_refused_at_once(native: Any, evaluation: Any) -> None:
    create = native.bedrock.create_evaluation_job

    def wrong(words: str, *metrics: str, **more: Any) -> None:
        refused(create, "ValidationException", words, **evaluation(RECORDS, *metrics, **more))

    wrong("needs an evaluatorModelConfig", "Builtin.Correctness")
    wrong("neither a custom metric", "Builtin.Toxicity")
    wrong("identifier is invalid", automated={"evaluatorModelConfig": judged_by("nobodys.model-v1:0")})
    request = evaluation(RECORDS)
    del request["evaluationConfig"]["automated"]["datasetMetricConfigs"][0]["dataset"]["datasetLocation"]
    refused(create, "ValidationException", "has no datasetLocation", **request)
    two = [{"precomputedInferenceSource": {"inferenceSourceIdentifier": name}} for name in (SOURCE, "other")]
    judging = {"evaluatorModelConfig": judged_by()}
    wrong("one model or inference source", "Builtin.Coherence", automated=judging, inferenceConfig={"models": two})
    flow = "arn:aws:sagemaker:us-west-2:123456789012:flow-definition/f"
    human = {"datasetMetricConfigs": request["evaluationConfig"]["automated"]["datasetMetricConfigs"]}
    human["humanWorkflowConfig"] = {"flowDefinitionArn": flow}
    refused(create, "NotImplemented", "by humans", **{**evaluation(RECORDS), "evaluationConfig": {"human": human}})


def test_jobs_are_made_once_listed_tagged_and_deleted(native: Any, evaluation: Any, ended: Any) -> None:
    bedrock = native.bedrock
    request = evaluation(RECORDS, clientRequestToken=uuid.uuid4().hex, jobTags=[{"key": "team", "value": "a"}])
    arn = bedrock.create_evaluation_job(**request)["jobArn"]
    assert bedrock.create_evaluation_job(**request)["jobArn"] == arn
    ended(arn)
    refused(
        bedrock.create_evaluation_job,
        "ConflictException",
        "in use",
        **{**request, "clientRequestToken": uuid.uuid4().hex},
    )
    refused(bedrock.stop_evaluation_job, "ConflictException", "Completed", jobIdentifier=arn)
    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "a"}]
    listed = bedrock.list_evaluation_jobs(nameContains=request["jobName"], statusEquals="Completed")["jobSummaries"]
    assert [item["jobArn"] for item in listed] == [arn]
    summary = listed[0]["inferenceConfigSummary"]["modelConfigSummary"]
    assert summary["precomputedInferenceSourceIdentifiers"] == [SOURCE]
    unknown = f"{arn.rpartition('/')[0]}/aaaaaaaaaaaa"
    gone = bedrock.batch_delete_evaluation_job(jobIdentifiers=[arn, unknown])
    assert [item["jobIdentifier"] for item in gone["evaluationJobs"]] == [arn]
    assert [item["jobIdentifier"] for item in gone["errors"]] == [unknown]
    refused(bedrock.get_evaluation_job, "ResourceNotFoundException", arn, jobIdentifier=arn)
    assert bedrock.list_evaluation_jobs(nameContains=request["jobName"]).get("jobSummaries", []) == []


def test_a_page_of_evaluations_has_five(native: Any, evaluation: Any, ended: Any) -> None:
    made = [native.bedrock.create_evaluation_job(**evaluation(RECORDS))["jobArn"] for _ in range(6)]
    page = native.bedrock.list_evaluation_jobs(maxResults=100)
    assert len(page["jobSummaries"]) == 5
    pages = native.bedrock.get_paginator("list_evaluation_jobs").paginate()
    assert set(made) <= {item["jobArn"] for page in pages for item in page["jobSummaries"]}
    for arn in made:
        ended(arn)


def test_a_running_evaluation_is_stopped_and_writes_nothing(native: Any, evaluation: Any) -> None:
    models = [{"bedrockModel": {"modelIdentifier": "amazon.nova-2-lite-v1:0"}}]
    role = native.make_role(f"stopping-{uuid.uuid4().hex[:6]}", ("s3:GetObject", "s3:PutObject"))
    document = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "bedrock:*", "Resource": "*"}]}
    native.emulator.aws("iam").put_role_policy(
        RoleName=role.rpartition("/")[2], PolicyName="ask", PolicyDocument=json.dumps(document)
    )
    request = evaluation([record(n, "") for n in range(1000)], inferenceConfig={"models": models}, roleArn=role)
    arn = native.bedrock.create_evaluation_job(**request)["jobArn"]
    native.bedrock.stop_evaluation_job(jobIdentifier=arn)
    job = native.bedrock.get_evaluation_job(jobIdentifier=arn)
    assert job["status"] == "Stopped"
    assert results(native, job) == {}
