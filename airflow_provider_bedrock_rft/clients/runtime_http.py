"""JSON over HTTP with little work per request: what a thousand completions a second need.

Connections are kept and shared by any number of threads. TLS, proxies and timeouts are urllib3's, which boto3 rests on.
The openai SDK spends more on one request than all the rest of an evaluation.
"""

from __future__ import annotations

import json
import os
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from urllib3.exceptions import HTTPError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_bedrock_rft.clients.config import ClientConfig

MAX_KEPT_CONNECTIONS = 1024
"""Connections kept open; more are opened where more requests are under way, and closed behind them."""
READ_TIMEOUT_SECONDS = 600.0
"""At least this long is waited for a reply: a long completion of a reasoning model comes in one piece."""
_MAX_SHOWN = 300
_CA_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "AWS_CA_BUNDLE", "REQUESTS_CA_BUNDLE")
"""As the openai SDK and boto3 read them, in this order."""


class AnsweredWithError(HTTPError):
    """The service answered, with a status that is no success.

    Attributes:
        status_code: HTTP status.
        body: The error object of the reply, empty where it has none.
        response: For its ``headers``.
    """

    def __init__(self, response: urllib3.BaseHTTPResponse) -> None:
        self.status_code = response.status
        self.response = response
        self.body = _error_in(response.data)
        text = response.data[:_MAX_SHOWN].decode("utf-8", "replace")
        super().__init__(f"the endpoint answered {response.status} {response.reason or ''}: {text}")


class JsonEndpoint:
    """One base URL, asked with a bearer token and never twice: whoever asks many times must see every refusal."""

    def __init__(self, config: ClientConfig, token: Callable[[], str]) -> None:
        self._base_url = config.mantle_base_url
        self._token = token
        self._connections = _connections(config, self._base_url)

    def post(self, path: str, body: Mapping[str, object]) -> Any:  # noqa: ANN401 - JSON
        """The decoded reply.

        Raises:
            AnsweredWithError: The status is no success.
            HTTPError: There was no whole answer.
            ValueError: The reply is not JSON.
        """
        headers = {"authorization": f"Bearer {self._token()}", "content-type": "application/json"}
        data = json.dumps(body).encode()
        response = self._connections.urlopen(
            "POST", self._base_url + path, body=data, headers=headers, retries=False, redirect=False
        )
        if response.status // 100 != 2:
            raise AnsweredWithError(response)
        return json.loads(response.data)

    def close(self) -> None:
        """Close what is idle."""
        self._connections.clear()


def _connections(config: ClientConfig, url: str) -> urllib3.PoolManager:
    read_seconds = max(config.read_timeout_seconds, READ_TIMEOUT_SECONDS)
    options: dict[str, Any] = {
        "maxsize": MAX_KEPT_CONNECTIONS,
        "timeout": urllib3.Timeout(connect=config.connect_timeout_seconds, read=read_seconds),
        "ssl_context": _ssl_context(verify=config.verify) if url.startswith("https:") else None,
    }
    proxy = _proxy_for(url)
    if not proxy:
        return urllib3.PoolManager(**options)
    return urllib3.ProxyManager(proxy, proxy_headers=_proxy_headers(proxy), **options)


def _ssl_context(*, verify: bool | str) -> ssl.SSLContext:
    named = verify if isinstance(verify, str) else next(filter(None, map(os.environ.get, _CA_VARIABLES)), "")
    if named and verify is not False:
        is_folder = Path(named).is_dir()
        return ssl.create_default_context(capath=named if is_folder else None, cafile=None if is_folder else named)
    context = ssl.create_default_context()
    if verify is False:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif not context.get_ca_certs():  # an image without a system store
        from botocore.httpsession import where

        context.load_verify_locations(where())
    return context


def _proxy_for(url: str) -> str:
    """The proxy that the environment names for ``url``, as the openai SDK and boto3 read it; empty for none."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all") or ""
    if not proxy or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return proxy if "://" in proxy else f"http://{proxy}"


def _proxy_headers(proxy: str) -> Mapping[str, str] | None:
    parts = urlsplit(proxy)
    if not parts.username:
        return None
    return urllib3.make_headers(proxy_basic_auth=f"{unquote(parts.username)}:{unquote(parts.password or '')}")


def _error_in(data: bytes) -> Mapping[str, object]:
    try:
        reply = json.loads(data)
    except ValueError:
        return {}
    said = reply.get("error", reply) if isinstance(reply, dict) else {}
    return said if isinstance(said, dict) else {}
