from __future__ import annotations

import json
import logging

import pytest

from facenet_core.api import logs


def test_a_line_is_an_object_with_what_was_asked_and_answered(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install()
    logs.install()  # twice is once
    fields = {"method": "GET", "route": "/v1/people/{person}", "status": 200, "seconds": 0.25}
    logging.getLogger(logs.LOGGER).info("request", extra=fields)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert said.pop("at").endswith("+00:00")
    assert said == {"level": "info", "message": "request", **fields}


def test_a_mistake_comes_with_where_it_was_made(capsys: pytest.CaptureFixture[str]) -> None:
    logs.install()
    try:
        raise RuntimeError("oh")
    except RuntimeError as error:
        logging.getLogger(f"{logs.LOGGER}.problems").error("unexpected", exc_info=error)
    (line,) = capsys.readouterr().err.splitlines()
    said = json.loads(line)
    assert (said["level"], said["message"]) == ("error", "unexpected")
    assert "RuntimeError: oh" in said["exception"]
