"""Connections to the very address that was checked.

A name is looked up once, for the connection itself: a second look could be
answered with another address (DNS rebinding). Host header and TLS still speak
of the name. Proxies of the environment are not used, because a proxy would look
the name up itself.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import httpcore
import httpx

from facenet_core.sources.addresses import Addresses

QUERY = "facenet_query"
"""Extension of a request: parameters that are added to its address only when it is sent.

The address of a request may come into logs and exceptions: a key must not be in it.
"""

DEADLINE = "facenet_deadline"
"""Extension of a request: the clock's time at which all of its answer has to be there."""

KEEP_ALIVE = 15.0
"""Seconds that an idle connection is kept for the next request to its host."""

MAX_CONNECTIONS = 32
"""Open at once, to all hosts together."""

_TRIED = 4
"""Addresses of a host that are tried one after the other."""


class TimeLeft(threading.local):
    """The time that is left for the request that a thread is at; a thread is at one at a time.

    httpcore gives each read the same time, so that a server which sends a byte
    now and then, or one interim answer after the other, could go on for ever.

    Args:
        clock: Seconds that only grow.

    Attributes:
        deadline: The clock's time at which it is used up.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self.deadline = float("inf")

    def at_most(self, timeout: float | None, spent: type[httpcore.TimeoutException]) -> float:
        """Seconds that the next step may take.

        Args:
            timeout: What it may take by itself.
            spent: Raised if no time is left.
        """
        left = self.deadline - self._clock()
        if left <= 0:
            raise spent("no time is left")
        return left if timeout is None else min(timeout, left)


class _Stream(httpcore.NetworkStream):
    """A connection on which each step takes no longer than the time that is left."""

    def __init__(self, stream: httpcore.NetworkStream, time: TimeLeft) -> None:
        self._stream, self._time = stream, time

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._time.at_most(timeout, httpcore.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._time.at_most(timeout, httpcore.WriteTimeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        left = self._time.at_most(timeout, httpcore.ConnectTimeout)
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, left), self._time)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class CheckedBackend(httpcore.NetworkBackend):
    """Connects to checked addresses only (https://www.encode.io/httpcore/network-backends/).

    Args:
        addresses: Looks names up and checks.
        time: Left for each request.
    """

    def __init__(self, addresses: Addresses, time: TimeLeft) -> None:
        self._addresses, self._time = addresses, time
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

        def connect(address: str) -> httpcore.NetworkStream:
            left = self._time.at_most(timeout, httpcore.ConnectTimeout)
            return _Stream(self._sockets.connect_tcp(address, port, left, local_address, socket_options), self._time)

        for address in others:
            try:
                return connect(address)
            except (httpcore.ConnectError, httpcore.ConnectTimeout):
                continue
        return connect(last)


class CheckedTransport(httpx.BaseTransport):
    """What requests are sent through.

    Args:
        addresses: Looks names up and checks.
        clock: Seconds that only grow; deadlines are its times.
        tls: Which certificates are trusted; by default the usual ones.
    """

    def __init__(self, addresses: Addresses, clock: Callable[[], float], tls: ssl.SSLContext | None = None) -> None:
        self._time = TimeLeft(clock)
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpx.create_ssl_context(),
            max_connections=MAX_CONNECTIONS,
            keepalive_expiry=KEEP_ALIVE,
            network_backend=CheckedBackend(addresses, self._time),
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Sends a request and gives its answer, whose body is still to be read, by the same thread.

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
        self._time.deadline = request.extensions.get(DEADLINE, float("inf"))
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
