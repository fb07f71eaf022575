from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import openai
import pytest

from airflow_provider_bedrock_rft.emulator.__main__ import warning

if TYPE_CHECKING:
    from pathlib import Path

COMMAND = [sys.executable, "-m", "airflow_provider_bedrock_rft.emulator"]


def refused(*arguments: str) -> str:
    ended = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert len(ended.stderr.strip().splitlines()) == 1
    return ended.stderr


def test_a_port_in_use_is_told_in_one_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"cannot listen on 127.0.0.1:{port}" in refused("--port", str(port), "--data-dir", str(tmp_path))


def test_a_folder_in_use_is_told_in_one_sentence(start_emulator: Any, tmp_path: Path) -> None:
    start_emulator()
    assert "belongs to another emulator (process " in refused("--data-dir", str(tmp_path / "data"))


@pytest.mark.parametrize(
    ("config", "why"),
    [
        ("{", "cannot be used"),
        ('{"training": {"slots": "two"}}', "cannot be used"),
        ('{"colour": 1}', "unknown field `colour`"),
        ('{"training": {"colour": 1}}', "no training setting 'colour'"),
        ('{"training": {"slots": 0}}', "slots must be at least 1"),
        ('{"faults": [{"status": "x"}]}', "status"),
        (None, "cannot be used"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_told(tmp_path: Path, config: str | None, why: str) -> None:
    path = tmp_path / "config.json"
    if config is not None:
        path.write_text(config)
    assert why in refused("--config", str(path), "--data-dir", str(tmp_path / "data"))


@pytest.mark.parametrize("speed", ["0", "-1", "nan", "inf"])
def test_an_impossible_speed_is_told(tmp_path: Path, speed: str) -> None:
    assert "must be positive" in refused("--speed", speed, "--data-dir", str(tmp_path))


def test_a_folder_that_cannot_be_is_told_in_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "data"):
        assert f"The data folder {folder} cannot be used" in refused("--data-dir", str(folder))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(speaker: Any, tmp_path: Path, number: int) -> None:
    command = [*COMMAND, "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        speaker.url = process.stdout.readline().split()[1]
        speaker.deploy("grader", GRADER)
        invoked = speaker.aws("lambda").invoke(FunctionName="grader", Payload=b"[]")
        assert invoked["Payload"].read() == b"[]"  # there is a function's process now, which must go quietly too
        process.send_signal(number)
        rest, errors = process.communicate(timeout=30)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_signal_before_it_serves_ends_it_too(tmp_path: Path) -> None:
    command = [*COMMAND, "--data-dir", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while not (tmp_path / "lock").exists():
            time.sleep(0.005)
        process.terminate()
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0, errors
    assert rest.count("ready") <= 1


@pytest.mark.parametrize(
    ("host", "warns"),
    [("127.0.0.1", False), ("127.0.0.2", False), ("::1", False), ("localhost", False), ("10.0.0.7", True), ("box", True)],
)  # fmt: skip
def test_listening_beyond_loopback_is_warned_of(host: str, *, warns: bool) -> None:
    assert ("anyone who reaches this port" in warning(host)) is warns


def test_time_runs_faster_can_be_advanced_and_does_not_run_back(start_emulator: Any) -> None:
    emulator = start_emulator("--speed", "1000")
    now = emulator.control("GET", "clock")["now"]
    advanced = emulator.control("POST", "clock", {"advance_seconds": 86_400})["now"]
    assert advanced >= now + 86_400
    for bad in ({"advance_seconds": -1}, {}, {"advance_seconds": "soon"}, {"seconds": 1}, [], b"{"):
        assert emulator.call("POST", "/_emulator/clock", bad)[0] == 400
    time.sleep(1.5)  # a note is taken every second
    emulator.kill()
    assert emulator.start().control("GET", "clock")["now"] >= advanced


def test_settings_can_be_seen_and_changed_for_new_jobs(start_emulator: Any) -> None:
    emulator = start_emulator(config={"training": {"group_size": 4}})
    assert emulator.control("GET", "settings")["training"]["group_size"] == 4
    changed = emulator.control("PATCH", "settings", {"checkpoint_interval": 5})
    assert (changed["training"]["group_size"], changed["training"]["checkpoint_interval"]) == (4, 5)
    for bad in ({"colour": 1}, {"group_size": "many"}):
        assert emulator.call("PATCH", "/_emulator/settings", bad)[0] == 400
    assert emulator.call("GET", "/_emulator/nothing")[0] == 404
    assert emulator.call("GET", "/_emulator/jobs/none")[0] == 404


def test_a_kill_loses_nothing_that_was_acknowledged(start_emulator: Any) -> None:
    emulator = start_emulator()
    kept: list[str] = []
    for _ in range(3):
        with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token(), max_retries=0) as client:
            kept += [client.files.create(file=(f"{len(kept)}-{i}", b"{}"), purpose="batch").id for i in range(5)]
        emulator.kill()
        emulator.start()
    with openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token()) as client:
        assert [file.id for file in client.files.list(order="asc")] == kept
        assert all(client.files.content(file_id).read() == b"{}" for file_id in kept)


def test_accounts_do_not_see_each_other(start_emulator: Any) -> None:
    emulator = start_emulator(config={"accounts": {"999988887777": ["AKIAOTHERACCOUNT0001", "other-secret"]}})
    other = emulator.token(key="AKIAOTHERACCOUNT0001", secret="other-secret")
    mine, theirs = (openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=token) for token in (emulator.token(), other))
    file = mine.files.create(file=("a.jsonl", b"{}"), purpose="batch")
    assert theirs.files.list().data == []
    with pytest.raises(openai.NotFoundError):
        theirs.files.retrieve(file.id)


def test_web_pages_cannot_use_the_control_api(start_emulator: Any) -> None:
    emulator = start_emulator()
    page = {"origin": "http://example.com"}
    assert emulator.call("GET", "/_emulator/health", headers=page)[0] == 403


GRADER = """
import hashlib, json
def handler(event, context):
    return [{"id": s["id"], "aggregate_reward_score": int(hashlib.sha256(s["messages"][-1]["content"].encode()).hexdigest()[:2], 16) / 255} for s in event]
"""


def train(client: openai.OpenAI, function: str) -> str:
    line = "What is {} plus {}?"
    records = [
        {"messages": [{"role": "user", "content": line.format(i % 7, i % 11)}], "reference_answer": str(i % 7 + i % 11)}
        for i in range(100)
    ]
    file = client.files.create(file=("t.jsonl", "\n".join(map(json.dumps, records)).encode()), purpose="fine-tune")
    grader = {"type": "lambda", "lambda": {"function": function}}
    return client.fine_tuning.jobs.create(
        model="openai.gpt-oss-20b",
        training_file=file.id,
        extra_body={
            "method": {
                "type": "reinforcement",
                "reinforcement": {"grader": grader, "hyperparameters": {"batch_size": 10}},
            }
        },
    ).id


def test_a_job_that_was_killed_in_the_middle_ends_as_if_it_had_not_been(start_emulator: Any, wait_until: Any) -> None:
    training = {"checkpoint_interval": 4, "snapshot_interval": 3, "group_size": 4}
    emulator = start_emulator(config={"training": training})
    function = emulator.deploy("grader", GRADER)
    client = openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token())

    def metrics(job_id: str) -> list[Any]:
        events = list(client.fine_tuning.jobs.list_events(job_id, limit=100))
        assert len({event.id for event in events}) == len(events)
        return [event.data for event in reversed(events) if event.type == "metrics"]

    def finished(job_id: str) -> Any:
        job = wait_until(lambda: (job := client.fine_tuning.jobs.retrieve(job_id)).finished_at and job)
        assert job.status == "succeeded", job.error
        return job

    whole = train(client, function)
    finished(whole)
    emulator.control("POST", "faults", {"slow_step_seconds": 60, "step": 6})
    torn = train(client, function)
    wait_until(lambda: len(metrics(torn)) == 5)
    emulator.kill()
    emulator.start()
    client = openai.OpenAI(base_url=f"{emulator.url}/v1", api_key=emulator.token())
    finished(torn)
    assert metrics(torn) == metrics(whole)
    assert len(metrics(torn)) == 9
    steps = [[c.step_number for c in client.fine_tuning.jobs.checkpoints.list(job).data] for job in (torn, whole)]
    assert steps == [[9, 8, 4], [9, 8, 4]]
