"""Reaching a PostgreSQL server: what is waited for, what is not, and what is said of the address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from facenet_core.errors import SettingError, StoreError
from facenet_core.store import server
from facenet_core.store.server import Server

YES, NO = b"S", b"N"
"""What a server answers to the question whether it speaks TLS."""


@contextmanager
def answering(*answers: bytes) -> Iterator[int]:
    """A server that gives each connection one answer, reads what it is told then, and hangs up.

    Yields:
        Its port. All answers were asked for when the block is done.
    """
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for answer in answers:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(1024)
                    connection.sendall(answer)
                    connection.recv(1)  # the rest is never read, so this resets the connection

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join(10)
        assert not thread.is_alive()


def test_a_server_that_dies_while_tls_is_agreed_on_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RETRY_WAIT", 0.0)
    with answering(YES, YES, NO) as port:
        found = Server(f"postgresql://app:secret@127.0.0.1:{port}/faces?sslmode=require", "faces")
        with pytest.raises(StoreError, match=rf"127\.0\.0\.1:{port} refuses this program: .* does not support SSL"):
            found.connect()
    assert found._down_since is None


def test_without_the_authority_s_certificate_nobody_is_waited_for() -> None:
    with answering(YES) as port:
        url = f"postgresql://127.0.0.1:{port}/faces?sslmode=verify-full&sslrootcert=/nowhere/root.crt"
        with pytest.raises(StoreError, match=r"refuses this program: root certificate file .* does not exist"):
            Server(url, "faces").connect()


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://app:se@cret@db.example/faces",
        "postgresql://app:sec/ret@db.example",
        "postgresql://app@db.example/faces?port=secret",
        "postgresql://app@db.example/faces?hostaddr=se%40cret",
    ],
)
def test_what_may_be_part_of_a_password_is_not_taken_for_a_host(dsn: str) -> None:
    with pytest.raises(SettingError, match="write special characters of a password as %40") as caught:
        Server(dsn, "faces")
    assert "cret" not in str(caught.value)
    assert caught.value.__cause__ is None
