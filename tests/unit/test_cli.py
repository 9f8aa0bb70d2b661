from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from facenet_core.cli.main import main
from facenet_core.config import PROJECT_ROOT
from facenet_core.service import FaceService
from tests.cli_runner import Cli
from tests.fakes import RED, photo

HEAVY = ("tensorflow", "keras", "mtcnn", "streamlit", "h5py")


def run(folder: Path, *argv: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *argv],
        capture_output=True,
        text=True,
        env=environment(folder) | more,
        cwd=PROJECT_ROOT,
        timeout=60,
    )


def environment(folder: Path) -> dict[str, str]:
    ours = {"FACENET_DB": folder / "db", "FACENET_MODELS_DIR": folder / "models", "FACENET_IMAGES_DIR": folder / "i"}
    return os.environ | {name: str(path) for name, path in ours.items()}


def test_commands_that_need_no_model_import_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from facenet_core.cli.main import main\n"
        "for argv in ['people', 'list'], ['weights', 'list'], ['settings', 'show'], ['--help']:\n"
        "    try: assert main(argv) == 0\n"
        "    except SystemExit as done: assert done.code == 0\n"
        f"print([name for name in {HEAVY} if name in sys.modules], file=sys.stderr)\n"
    )
    done = run(tmp_path, "-c", program)
    assert "Nobody is enrolled yet." in done.stdout
    assert "usage: " in done.stdout
    assert done.stderr == "[]\n"


def test_the_program_answers_as_a_module(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "facenet_core", "people", "list", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {"command": "people list", "people": []}
    assert not (tmp_path / "db").exists()


def test_without_weights_the_one_message_says_what_is_missing(tmp_path: Path) -> None:
    probe, gone = tmp_path / "door.png", str(tmp_path / "gone.h5")
    probe.write_bytes(photo(RED))
    words = ["-m", "facenet_core", "--json", "verify", str(probe), "--claim", "Ruby"]
    done = run(tmp_path, *words, FACENET_WEIGHTS=gone)
    assert (done.returncode, done.stderr) == (3, "")
    assert done.stdout.count("\n") == 1
    error = json.loads(done.stdout)["error"]
    assert (error["code"], error["photo"]) == ("no_weights", None)
    assert f"FACENET_WEIGHTS names {gone}" in error["message"]


def test_a_command_that_does_not_exist_is_exit_code_2(tmp_path: Path) -> None:
    done = run(tmp_path, "-m", "facenet_core", "people", "shout")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: python -m facenet_core people")
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "facenet_core", "weights", "list"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(tmp_path),
        cwd=PROJECT_ROOT,
    )
    assert process.stdout and process.stderr
    process.stdout.close()
    with process.stderr as errors:
        assert errors.read() == b""
    assert process.wait(timeout=60) == 0


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full to fill up")
def test_an_answer_that_cant_be_written_is_not_taken_for_no_match(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "facenet_core", "weights", "list"],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(tmp_path),
            cwd=PROJECT_ROOT,
            timeout=60,
        )
    assert done.returncode == 2
    assert done.stderr == f"The answer could not be written ({os.strerror(errno.ENOSPC)}).\n"


@pytest.mark.skipif(os.name != "posix", reason="Ctrl+C is sent as a POSIX signal")
def test_ctrl_c_ends_the_program_while_another_thread_is_busy(tmp_path: Path) -> None:
    loading, probe = tmp_path / "loading", tmp_path / "door.png"
    probe.write_bytes(photo(RED))
    stuck = (
        "import pathlib, runpy, signal, sys, threading\n"
        # A shell starts what it puts in the background deaf to Ctrl+C, and so would this be.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import facenet_core.engine as engine\n"
        "def load(settings):\n"
        f"    pathlib.Path({str(loading)!r}).touch()\n"
        "    threading.Event().wait()\n"
        "engine.FaceEngine.load = load\n"
        f"sys.argv[1:] = ['detect', {str(probe)!r}]\n"
        "runpy.run_module('facenet_core', run_name='__main__')\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", stuck],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(tmp_path),
        cwd=PROJECT_ROOT,
    )
    with process:
        while not loading.exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (130, "", "Interrupted.\n")


def test_options_for_every_command_stand_before_or_after_its_name(cli: Cli) -> None:
    other = cli.folder / "other"
    assert cli("enroll", "Ruby", cli.photo("a.png", RED), "--db", other).code == 0
    for argv in (
        ["--json", "--db", other, "people", "list"],
        ["people", "--json", "--db", other, "list"],
        ["people", "list", "--json", "--db", other],
        ["--db", other, "people", "list", "--json"],
    ):
        assert cli(*argv).data["people"][0]["name"] == "Ruby"
    assert cli.people() == {}


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["people"],
        ["verify", "a.png"],
        ["verify", "a.png", "--claim", "x", "--thresh", "1"],
        ["verify", "a.png", "--claim", "x", "--threshold", "2.1"],
        ["verify", "a.png", "--claim", "x", "--threshold", "nan"],
        ["verify", "a.png", "--claim", "x", "--face", "0"],
        ["identify", "a.png", "--top", "-1"],
        ["settings", "set", "colour", "red"],
    ],
)
def test_arguments_that_make_no_command_are_refused_with_the_usage(cli: Cli, argv: list[str]) -> None:
    answer = cli(*argv)
    assert (answer.code, answer.out) == (2, "")
    assert answer.err.startswith("usage: ")
    assert answer.err.endswith(".\n")
    answer = cli("--json", *argv)
    assert (answer.code, answer.err) == (2, "")
    assert answer.error["code"] == "usage"


def test_a_file_called_like_an_option_can_be_named(cli: Cli) -> None:
    answer = cli("detect", "--", "--json")
    assert answer.code == 2
    assert answer.err == "--json: There is no such file. Check its name and folder.\n"


def test_a_malformed_setting_is_exit_code_2(cli: Cli) -> None:
    cli.environment(THRESHOLD="high")
    answer = cli("people", "list", "--json")
    assert answer.code == 2
    assert answer.error["code"] == "setting"
    assert "FACENET_THRESHOLD" in answer.error["message"]


def test_a_missing_model_is_exit_code_3(cli: Cli) -> None:
    cli.has_model = False
    cli.environment(WEIGHTS=cli.folder / "missing.h5")
    answer = cli("detect", cli.photo("a.png", RED))
    assert (answer.code, answer.out) == (3, "")
    assert "missing.h5" in answer.err


def test_a_mistake_in_the_program_is_not_taken_for_an_answer(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def mistake(service: FaceService) -> None:
        raise ZeroDivisionError("a mistake")

    monkeypatch.setattr(FaceService, "people", mistake)
    answer = cli("people", "list", "--json")
    assert answer.code == 70
    assert answer.error["code"] == "bug"
    assert "ZeroDivisionError" in caplog.text


def test_what_a_library_prints_does_not_end_up_in_the_answer(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def noisy(service: FaceService) -> tuple[()]:
        print("noise")
        return ()

    monkeypatch.setattr(FaceService, "people", noisy)
    answer = cli("people", "list", "--json")
    assert answer.data["people"] == []
    assert answer.err == "noise\n"


def test_names_that_the_terminal_cant_show_are_no_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    cli.enrol({"李 小龙": [RED]})
    done = subprocess.run(
        [sys.executable, "-m", "facenet_core", "people", "list"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        cwd=PROJECT_ROOT,
        timeout=60,
    )
    assert done.returncode == 0
    assert b"? ??" in done.stdout
    assert cli.people() == {"李 小龙": 1}


def test_help_goes_to_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as done:
        main(["people", "remove", "--help"])
    assert done.value.code == 0
    assert "--yes" in capsys.readouterr().out
