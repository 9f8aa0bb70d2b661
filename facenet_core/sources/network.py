"""Connections to the very address that was checked.

A name is looked up once, for the connection itself: a second look could be
answered with another address (DNS rebinding). Host header and TLS still speak
of the name. Proxies of the environment are not used, because a proxy would look
the name up itself.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from facenet_core.sources.addresses import Addresses

QUERY = "facenet_query"
"""Extension of a request: parameters that are added to its address only when it is sent.

httpx writes the address of every request to its log, and into its exceptions: a
key must not be in it.
"""

KEEP_ALIVE = 15.0
"""Seconds that an idle connection is kept for the next request to its host."""

MAX_CONNECTIONS = 32
"""Open at once, to all hosts together."""

_TRIED = 4
"""Addresses of a host that are tried one after the other."""


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only (https://www.encode.io/httpcore/network-backends/).

    Args:
        addresses: Looks names up and checks.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._sockets = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connects to the first of the host's addresses that answers.

        Raises:
            PrivateAddressError: If the host has an address that is not public.
            UnreachableError: If there is no such host.
            httpcore.ConnectError: If none of its addresses answers.
            httpcore.ConnectTimeout: If the last of them does not in time.
        """
        *others, last = self._addresses.of(host, port)[:_TRIED]
        for address in others:
            try:
                return self._sockets.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return self._sockets.connect_tcp(last, port, timeout, local_address, socket_options)


class CheckedTransport(httpx.BaseTransport):
    """What an ``httpx.Client`` sends its requests through.

    Args:
        addresses: Looks names up and checks.
        tls: Which certificates are trusted; by default the usual ones.
    """

    def __init__(self, addresses: Addresses, tls: ssl.SSLContext | None = None) -> None:
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=CheckedBackend(addresses),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request and gives its answer, whose body is still to be read.

        Raises:
            httpx.TransportError: If that fails.
            PrivateAddressError: If the host has an address that is not public.
            UnreachableError: If there is no such host.
        """
        url = request.url.copy_merge_params(request.extensions.get(QUERY, {}))
        sent = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            extensions={"timeout": request.extensions.get("timeout", {})},
        )
        with _as_httpx():
            answer = self._pool.handle_request(sent)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    def close(self) -> None:
        """Closes all connections."""
        self._pool.close()


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _as_httpx():
            self._answer.close()


@contextmanager
def _as_httpx() -> Iterator[None]:
    """Turns the exceptions of httpcore into those of httpx, as its own transport does."""
    try:
        yield
    except httpcore.ConnectTimeout as error:
        raise httpx.ConnectTimeout(str(error)) from error
    except httpcore.TimeoutException as error:
        raise httpx.ReadTimeout(str(error)) from error
    except httpcore.ConnectError as error:
        raise httpx.ConnectError(str(error)) from error
    except httpcore.NetworkError as error:
        raise httpx.ReadError(str(error)) from error
    except httpcore.ProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
