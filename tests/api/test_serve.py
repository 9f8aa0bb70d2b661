"""Who a server may serve, and the command that starts one."""

from __future__ import annotations

from typing import Any

import pytest

from facenet_core.api.exposure import keys_required, loopback
from facenet_core.errors import SettingError
from facenet_core.service import FaceService
from tests.cli_runner import Cli


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "[::1]", "localhost"])
def test_this_machine_alone_needs_no_keys(service: FaceService, host: str) -> None:
    assert loopback(host)
    assert keys_required(service, host) is False


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "faces.example", "", None, "localhost.example"])
def test_anything_else_does_not_start_without_keys(service: FaceService, host: str | None) -> None:
    assert not loopback(host)
    with pytest.raises(SettingError, match="the API asks for keys, and there are none yet"):
        keys_required(service, host)
    service.keys.create("door", ["verify"])
    assert keys_required(service, host) is True
    service.keys.revoke("door")
    with pytest.raises(SettingError):
        keys_required(service, host)


def test_keys_can_be_asked_for_here_too(service: FaceService) -> None:
    with pytest.raises(SettingError):
        keys_required(service, "127.0.0.1", always=True)


@pytest.fixture
def cli(tmp_path: Any, capsys: Any, monkeypatch: Any) -> Cli:
    return Cli(tmp_path, capsys, monkeypatch)


def test_the_command_serves_the_api_where_it_is_told_to(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[Any] = []
    monkeypatch.setattr("uvicorn.run", lambda api, **options: served.append((api, options)))
    assert cli("serve", "--api-only").code == 0
    assert cli("serve", "--api-only", "--port", 9000).code == 0
    assert [(options["host"], options["port"], options["access_log"]) for _, options in served] == [
        ("127.0.0.1", 8000, False),
        ("127.0.0.1", 9000, False),
    ]
    refused = cli("serve", "--api-only", "--host", "0.0.0.0", "--json")
    assert (refused.code, refused.error["code"], len(served)) == (2, "setting", 2)
    assert cli("keys", "create", "door", "--role", "manage").code == 0
    assert cli("serve", "--api-only", "--host", "0.0.0.0").code == 0
    assert served[-1][1]["host"] == "0.0.0.0"


def test_with_pages_it_becomes_streamlits_server(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    became: list[list[str]] = []

    def become(program: str, words: list[str]) -> None:
        became.append(words)
        raise KeyboardInterrupt

    monkeypatch.setattr("os.execv", become)
    assert cli("serve", "--port", 8600).code == 130
    (words,) = became
    assert words[1:4] == ["-m", "streamlit", "run"] and words[4].endswith("asgi.py")
    assert words[5:] == ["--server.address", "127.0.0.1", "--server.port", "8600"]
