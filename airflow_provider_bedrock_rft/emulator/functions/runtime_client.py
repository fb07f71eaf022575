"""The Lambda runtime interface client: runs inside the function's process, needs nothing but the standard library.

Executed by path with ``python -I -S``; never imported by the emulator. It speaks the runtime API that is named by
``AWS_LAMBDA_RUNTIME_API`` (an address, or ``unix:`` and a path), marks the start and end of each invocation in the
output stream, and turns whatever the handler raises into the error document that Lambda gives.
"""

from __future__ import annotations

import _thread
import contextlib
import decimal
import http.client
import importlib
import json
import os
import resource
import signal
import socket
import sys
import time
import traceback
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable
    from email.message import Message

    Handler = Callable[[object, "Context"], object]

_API = "/2018-06-01/runtime"
_PR_SET_PDEATHSIG = 1
_ME = os.getpid()


class InitFailure(Exception):
    """The handler cannot be had. ``kind`` is the error type to report."""

    def __init__(self, kind: str, message: str, trace: list[str]) -> None:
        super().__init__(message)
        self.kind = kind
        self.trace = trace


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost")
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(self._path)


class Context:
    """The handler's second argument."""

    def __init__(self, headers: Message) -> None:
        self.aws_request_id: str = headers["Lambda-Runtime-Aws-Request-Id"]
        self.invoked_function_arn: str = headers["Lambda-Runtime-Invoked-Function-Arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.identity = SimpleNamespace(cognito_identity_id=None, cognito_identity_pool_id=None)
        self.client_context = None
        self._deadline_ms = int(headers["Lambda-Runtime-Deadline-Ms"])

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the function times out."""
        return max(0, self._deadline_ms - int(time.time() * 1000))

    def log(self, message: object) -> None:
        """Write to the function's log."""
        sys.stdout.write(str(message))


class Runtime:
    """The conversation with the host."""

    def __init__(self, api: str, token: str) -> None:
        self._connection = _UnixConnection(api[5:]) if api.startswith("unix:") else http.client.HTTPConnection(api)
        self._mark = token.encode()
        self._stream = os.dup(1)  # the handler may close or redirect its own

    def next(self) -> tuple[Context, bytes]:
        """The next event, as soon as there is one; ends the process when the host is gone."""
        try:
            self._connection.request("GET", f"{_API}/invocation/next")
            response = self._connection.getresponse()
            body = response.read()
        except (OSError, http.client.HTTPException):
            os._exit(0)
        return Context(response.headers), body

    def post(self, path: str, document: bytes, kind: str = "") -> None:
        """Report an answer or an error."""
        headers = {"Content-Type": "application/json", "Lambda-Runtime-Function-Error-Type": kind}
        try:
            self._connection.request("POST", _API + path, document, headers)
            self._connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            os._exit(0)

    def mark(self, word: str, request_id: str) -> None:
        """Put a mark into the output stream: what follows belongs to what the mark says."""
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        with contextlib.suppress(OSError):
            os.write(self._stream, b"\n%b %b %b\n" % (self._mark, word.encode(), request_id.encode()))


def load_handler(name: str) -> Handler:
    """The function that ``module.function`` (with ``/`` for packages) names.

    Raises:
        InitFailure: The module or function is not there, or cannot be loaded.
    """
    module_name, dot, function_name = name.rpartition(".")
    if not dot:
        raise InitFailure(
            "Runtime.MalformedHandlerName", f"Bad handler '{name}': not enough values to unpack (expected 2, got 1)", []
        )
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise InitFailure("Runtime.ImportModuleError", message, []) from None
    except SyntaxError as error:
        message = f"Syntax error in module '{module_name}': {error}"
        raise InitFailure("Runtime.UserCodeSyntaxError", message, _syntax_trace(error)) from None
    except Exception as error:  # noqa: BLE001 -- whatever a module raises is the function's failure, not ours
        raise InitFailure(type(error).__name__, str(error), _trace(error.__traceback__)) from None
    handler: Handler | None = getattr(module, function_name, None)
    if handler is None:
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise InitFailure("Runtime.HandlerNotFound", message, [])
    return handler


def run(handler: Handler, context: Context, event: bytes) -> tuple[str, bytes, str]:
    """Answer ``response`` or ``error``, its document and the error's type."""
    try:
        answer = handler(json.loads(event), context)
    except Exception as error:  # noqa: BLE001 -- whatever a handler raises is its answer
        kind = type(error).__name__
        return "error", _document(kind, str(error), _trace(error.__traceback__), context), kind
    try:
        return "response", json.dumps(answer, ensure_ascii=False, default=_plain).encode(), ""
    except Exception as error:  # noqa: BLE001 -- objects may raise anything while they are serialised
        message = f"Unable to marshal response: {error}"
        return "error", _document("Runtime.MarshalError", message, [], context), "Runtime.MarshalError"


def serve(runtime: Runtime, handler: Handler) -> NoReturn:
    """Handle events until the host ends the process."""
    while True:
        context, event = runtime.next()
        runtime.mark("start", context.aws_request_id)
        verb, document, kind = run(handler, context, event)
        if os.getpid() != _ME:  # a fork of the handler came back here: only the first process may answer
            os._exit(0)
        if verb == "error":
            _log_error(document)
        runtime.mark("end", context.aws_request_id)
        runtime.post(f"/invocation/{context.aws_request_id}/{verb}", document, kind)


def confine(limit_bytes: int, file_bytes: int) -> None:
    """Limits of this process, and its end when the host ends."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for kind, amount in ((resource.RLIMIT_DATA, limit_bytes), (resource.RLIMIT_FSIZE, file_bytes)):
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (amount, amount))
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024))
    with contextlib.suppress(ImportError, OSError, AttributeError):
        import ctypes  # noqa: PLC0415 -- only where there is something to call

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def relay(port: int, path: str) -> None:
    """Serve ``port`` of this network namespace by the socket at ``path``, in a process of its own."""
    listener = socket.create_server(("127.0.0.1", port))
    if os.fork():
        listener.close()
        return
    while True:
        near, _ = listener.accept()
        far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            far.connect(path)
        except OSError:
            near.close()
            continue
        _thread.start_new_thread(_copy, (near, far))
        _thread.start_new_thread(_copy, (far, near))


def _copy(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while chunk := source.recv(65_536):
            sink.sendall(chunk)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def main(arguments: list[str]) -> None:
    """Arguments: token, handler, SDK folder, data and file limit in bytes, port and socket of the relay (or none)."""
    token, handler_name, sdk, data_bytes, file_bytes, *way_out = arguments
    if way_out:
        relay(int(way_out[0]), way_out[1])
    confine(int(data_bytes), int(file_bytes))
    runtime = Runtime(os.environ["AWS_LAMBDA_RUNTIME_API"], token)
    sys.argv = ["bootstrap"]
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    sys.path.append(sdk)
    runtime.mark("init", "-")
    try:
        handler = load_handler(handler_name)
    except InitFailure as failure:
        document = _document(failure.kind, str(failure), failure.trace, None)
        _log_error(document)
        runtime.mark("end", "-")
        runtime.post("/init/error", document, failure.kind)
        os._exit(1)
    serve(runtime, handler)


def _document(kind: str, message: str, trace: list[str], context: Context | None) -> bytes:
    document: dict[str, object] = {"errorMessage": message, "errorType": kind}
    if context is not None:
        document["requestId"] = context.aws_request_id
    document["stackTrace"] = trace
    return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def _trace(trace: TracebackType | None) -> list[str]:
    frames = [f for f in traceback.extract_tb(trace) if f.filename != __file__ and "importlib" not in f.filename]
    return traceback.format_list(frames)


def _syntax_trace(error: SyntaxError) -> list[str]:
    return [f'  File "{error.filename}" Line {error.lineno}\n    {(error.text or "").strip()}\n']


def _log_error(document: bytes) -> None:
    error = json.loads(document)
    trace = "".join(error["stackTrace"])
    head = f"[ERROR] {error['errorType']}: {error['errorMessage']}"
    with contextlib.suppress(Exception):
        sys.stdout.write(f"{head}\nTraceback (most recent call last):\n{trace}\n" if trace else f"{head}\n")


def _plain(value: object) -> float:
    if isinstance(value, decimal.Decimal):
        return float(value)
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


if __name__ == "__main__":
    main(sys.argv[1:])
