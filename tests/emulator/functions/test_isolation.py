"""What a function may see and do, with and without bubblewrap."""

from __future__ import annotations

import asyncio
import json
import stat
import zipfile
from io import BytesIO
from typing import TYPE_CHECKING

import pytest

from airflow_provider_bedrock_rft.emulator.functions import CodeRefused
from airflow_provider_bedrock_rft.emulator.functions.launch import bubblewrap

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from conftest import Bench


@pytest.fixture(params=["bare", "walled"])
def walls(request: pytest.FixtureRequest) -> Callable[[], str | None]:
    if request.param == "bare":
        return lambda: None
    if bubblewrap() is None:
        pytest.skip("bubblewrap is not usable here")
    return bubblewrap


@pytest.fixture
def is_walled(walls: Callable[[], str | None]) -> bool:
    return walls() is not None


async def test_the_hosts_environment_is_not_passed_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "host-secret")
    monkeypatch.setenv("PYTHONPATH", "/host")
    source = "import os\ndef handler(event, context):\n    return dict(os.environ)"
    seen = json.loads((await bench.run(source, environment={"MODE": "strict", "AWS_REGION": "mine"})).payload)
    assert seen["MODE"] == "strict"
    assert seen["AWS_REGION"] == "us-west-2"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "f"
    assert "host-secret" not in seen.values()
    assert not {"PYTHONPATH", "AIRFLOW_HOME", "VIRTUAL_ENV"} & set(seen)


async def test_the_sdk_is_there_and_the_functions_own_files_come_first(
    bench: Bench, make_zip: Callable[..., bytes]
) -> None:
    source = "import boto3, statistics\ndef handler(event, context):\n    return [boto3.__name__, statistics.MINE]"
    package = make_zip({"main.py": source, "statistics.py": "MINE = True"})
    assert (await bench.run(package=package, memory=256)).payload == b'["boto3", true]'


async def test_the_code_cannot_be_changed(bench: Bench, *, is_walled: bool) -> None:
    source = (
        "import os\ndef handler(event, context):\n"
        "    try: open(os.path.join(os.environ['LAMBDA_TASK_ROOT'], 'main.py'), 'a').write('#')\n"
        "    except OSError as error: return 'refused'\n"
        "    return 'written as root' if os.getuid() == 0 else 'written'"
    )
    answer = json.loads((await bench.run(source)).payload)
    assert answer == "refused" or (answer == "written as root" and not is_walled)


async def test_temporary_files_work(bench: Bench) -> None:
    source = (
        "import tempfile\ndef handler(event, context):\n"
        "    open('/tmp/own-file-of-a-test', 'w').write('a')\n"
        "    with tempfile.NamedTemporaryFile() as f: return f.name"
    )
    assert (await bench.run(source)).function_error is None


@pytest.mark.parametrize(
    "name", ["../escaped.py", "a/../../escaped.py", "/escaped.py", "..\\escaped.py", "C:/escaped.py"]
)
async def test_a_package_cannot_leave_its_folder(
    bench: Bench, make_zip: Callable[..., bytes], name: str, tmp_path: Path
) -> None:
    with pytest.raises(CodeRefused, match="outside of the package"):
        await bench.run(package=make_zip({name: "x", "main.py": ""}))
    assert not list(tmp_path.rglob("*escaped.py"))  # noqa: ASYNC240


async def test_a_link_is_refused(bench: Bench) -> None:
    sink, link = BytesIO(), zipfile.ZipInfo("main.py")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(CodeRefused, match="symbolic link"):
        await bench.run(package=sink.getvalue())


async def test_what_is_no_zip_is_refused(bench: Bench) -> None:
    with pytest.raises(CodeRefused, match="Could not unzip"):
        await bench.run(package=b"not a zip")


async def test_walls_hide_the_hosts_files_and_processes(bench: Bench, *, is_walled: bool, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("s")
    source = (
        "import os\ndef handler(event, context):\n"
        "    return [os.path.exists(event['path']), os.path.exists('/etc/passwd'), len(os.listdir('/proc/1/fd')) >= 0,"
        " sum(p.isdigit() for p in os.listdir('/proc'))]"
    )
    result = await bench.run(source, json.dumps({"path": str(tmp_path / "secret")}).encode())
    sees_secret, sees_passwords, _, n_processes = json.loads(result.payload)
    if is_walled:
        assert (sees_secret, sees_passwords) == (False, False)
        assert n_processes < 6
    else:
        assert sees_secret  # as documented


async def test_walls_leave_one_way_out_to_the_emulator(bench: Bench, *, is_walled: bool) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    emulator = await asyncio.start_server(greet, "127.0.0.1", 0)
    other = await asyncio.start_server(greet, "127.0.0.1", 0)
    bench.host._endpoint = bench.host._relay._endpoint = lambda: (
        f"http://127.0.0.1:{emulator.sockets[0].getsockname()[1]}"
    )
    source = (
        "import os, urllib.request\n"
        "def get(url):\n"
        "    try: return urllib.request.urlopen(url, timeout=3).read().decode()\n"
        "    except OSError: return None\n"
        "def handler(event, context):\n"
        "    return [get(os.environ['AWS_ENDPOINT_URL']), get(event['other'])]"
    )
    port = other.sockets[0].getsockname()[1]
    result = await bench.run(source, json.dumps({"other": f"http://127.0.0.1:{port}"}).encode())
    assert json.loads(result.payload) == ["hello", None if is_walled else "hello"]
    emulator.close()
    other.close()


@pytest.mark.parametrize(
    ("body", "timeout", "words"),
    [
        ("import time; time.sleep(60)", 1, "Task timed out after 1.00 seconds"),
        ("import os; os._exit(3)", 60, "exit status 3"),
        ("import os; os.kill(os.getpid(), 11)", 60, "segmentation fault"),
        ("x = bytearray(600 * 1024 * 1024); return len(x)", 60, "signal: killed"),
    ],
)
async def test_failures_look_the_same_on_both_sides_of_the_walls(
    bench: Bench, body: str, timeout: int, words: str
) -> None:
    result = await bench.run(f"def handler(event, context):\n    {body}", timeout=timeout, memory=512)
    assert words in json.loads(result.payload)["errorMessage"]


async def test_a_host_without_bubblewrap_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert bubblewrap.__wrapped__() is None
    assert "functions see the host's file system and network" in caplog.text
