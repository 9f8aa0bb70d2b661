"""docs/cli.md against the program: every command and option, and what each answer looks like."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from facenet_core import catalogue, errors, shipped, weights
from facenet_core.cli import arguments, files, output
from facenet_core.cli.parser import build_parser
from facenet_core.config import PROJECT_ROOT
from facenet_core.store import Moved, Place, open_store
from facenet_core.store.everything import everything_in
from tests.cli_runner import Cli
from tests.evaluation_photos import write_pairs, write_people
from tests.fakes import BLUE, GREEN, MEASURED, MODEL, OTHER_MODEL, RED

TEXT = (PROJECT_ROOT / "docs" / "cli.md").read_text("utf-8")
SECTIONS = {
    heading: body for heading, body in re.findall(r"^### `([^`]+)`\n(.*?)(?=^##|\Z)", TEXT, re.DOTALL | re.MULTILINE)
}
OBJECTS = {name: json.loads(body) for name, body in re.findall(r"^```json (\w+)\n(.*?)^```", TEXT, re.DOTALL | re.M)}


def commands(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    groups = [action for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    if not groups:
        yield name, parser
    for group in groups:
        for word, child in group.choices.items():
            yield from commands(child, f"{name} {word}".strip())


COMMANDS = dict(commands(build_parser()))


def section(command: str) -> str:
    """The section whose heading begins with the command, which may go on with arguments in capitals."""
    (found,) = (str(body) for heading, body in SECTIONS.items() if re.fullmatch(rf"{command}( [A-Z-].*)?", heading))
    return found


def shape(value: Any) -> Any:
    """What a value is made of; the documentation's ``"<model>"`` stands for the object that it explains."""
    if isinstance(value, str) and (name := re.fullmatch(r"<(\w+)>", value)):
        return shape(OBJECTS[name[1]])
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return None if value is None else "number" if type(value) in (int, float) else type(value).__name__


def agree(documented: Any, actual: Any) -> bool:
    if documented is None or actual is None or documented == [] or actual == []:
        return True
    if isinstance(documented, dict) and isinstance(actual, dict):
        return documented.keys() == actual.keys() and all(agree(documented[k], actual[k]) for k in documented)
    if isinstance(documented, list) and isinstance(actual, list):
        return agree(documented[0], actual[0])
    return bool(documented == actual)


def test_exactly_the_commands_that_exist_are_documented() -> None:
    documented = {re.sub(r" [A-Z-].*", "", heading) for heading in SECTIONS}
    assert documented == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_is_documented(command: str) -> None:
    heading = next(heading for heading in SECTIONS if re.fullmatch(rf"{command}( [A-Z-].*)?", heading))
    common = {option for action in arguments.global_options()._actions for option in action.option_strings}
    for action in COMMANDS[command]._actions:
        if isinstance(action, argparse._HelpAction) or common & set(action.option_strings):
            continue
        words = action.option_strings or [str(action.metavar)]
        assert any(word in heading + section(command) for word in words), words


@pytest.mark.parametrize("command", COMMANDS)
def test_every_example_is_a_command_that_the_parser_takes(command: str) -> None:
    examples = re.findall(r"^python -m facenet_core (.*)$", section(command), re.MULTILINE)
    assert examples
    for example in examples:
        words = [word.strip('"') for word in re.findall(r'"[^"]*"|\S+', example.split(" && ")[0])]
        assert build_parser().parse_args(words).command == command


def test_every_error_code_is_documented() -> None:
    def tree(kind: type[errors.FaceNetError]) -> Iterator[type[errors.FaceNetError]]:
        for child in kind.__subclasses__():
            yield child
            yield from tree(child)

    raised = {kind for kind in tree(errors.FaceNetError) if kind.__module__.startswith("facenet_core.")}
    assert {files.FileError, output.CancelledError, arguments.UsageError, errors.NoFaceError} <= raised
    assert {kind.code for kind in raised - {errors.PhotoError} if f"`{kind.code}`" not in TEXT} == set()


def damaged(cli: Cli) -> list[object]:
    database = cli.folder / "db" / "facenet.json"
    database.write_bytes(database.read_bytes()[:-10])
    return []


def foreign(cli: Cli) -> list[object]:
    next(cli.folder.glob("db/photos/*/*")).write_bytes(b"damaged")
    cli.model_id = OTHER_MODEL
    return []


def exported(cli: Cli) -> list[object]:
    cli("people", "export", cli.folder / "people.zip")
    cli.environment(DB=cli.folder / "new")
    return [cli.folder / "people.zip"]


def checked(cli: Cli) -> list[object]:
    (cli.folder / "models").mkdir()
    path = cli.folder / "models" / catalogue.CATALOGUE[1].file_name
    path.write_bytes(b"anything")
    return []


def installed(cli: Cli) -> list[object]:
    cli.install("first", "second")
    cli("settings", "set", "model", "first")
    cli("people", "renew")
    photo = next(cli.folder.glob("db/photos/*/*"))
    content = photo.read_bytes()
    photo.write_bytes(b"damaged")
    assert cli("weights", "rehearse", "second").code == 2
    photo.write_bytes(content)
    return ["second"]


def changed(cli: Cli) -> list[object]:
    assert cli("weights", "use", *installed(cli), "--yes").code == 0
    cli("enroll", "--accept-poor", "Cy", cli.photo("c.png", GREEN))
    return []


def folder(cli: Cli) -> list[object]:
    return [cli.photo("more/Kim.png", BLUE, GREEN).parent]


def evaluated(cli: Cli) -> Path:
    return write_people(cli.folder / "labelled", {"Ann": [[RED], [RED]], "Bo": [[BLUE], [BLUE]], "Cy": [[GREEN], []]})


def listed(cli: Cli) -> list[object]:
    lines = ["Ann 1 2", "Cy 1 2", "Ann 1 Bo 1", "Cy 1 Bo 1"]
    return ["--pairs", write_pairs(cli.folder / "pairs.txt", "2", *lines), "--images", evaluated(cli)]


def keyed(cli: Cli) -> list[object]:
    assert cli("keys", "create", "door", "--role", "verify").code == 0
    return []


def photos(cli: Cli) -> Path:
    """A folder of photos, which a damaged one is among."""
    for number in range(3):
        cli.photo(f"photos/red {number}.png", RED, mark=number)
        cli.photo(f"photos/green {number}.png", GREEN, mark=number)
    (cli.folder / "photos" / "damaged.jpg").write_bytes(b"damaged")
    return cli.folder / "photos"


def added(cli: Cli) -> list[object]:
    assert cli("album", "add", photos(cli)).code == 0
    return []


def indexed(cli: Cli) -> list[object]:
    added(cli)
    assert cli("album", "index").code == 2  # one of them is damaged
    return []


def named(cli: Cli) -> list[object]:
    indexed(cli)
    assert cli("album", "name", 0, "Gina").code == 0
    return []


def crawled(cli: Cli) -> list[object]:
    assert cli("reverse", "crawl", "--folder", photos(cli)).code == 0
    return []


def taken_in(cli: Cli) -> list[object]:
    crawled(cli)
    assert cli("reverse", "index").code == 0  # the damaged one was no picture to the crawl
    return []


def removed(cli: Cli) -> list[object]:
    assert cli("reverse", "remove", "https://pictures.example/a.html", "--yes").code == 0
    return []


ARGUMENTS: dict[str, Callable[[Cli], list[object]]] = {
    "compare": lambda cli: [cli.photo("a.png", RED), cli.photo("b.png", RED)],
    "verify": lambda cli: [cli.photo("a.png", RED), "--claim", "Ruby"],
    "identify": lambda cli: [cli.photo("a.png", RED), "--annotate", cli.folder],
    "detect": lambda cli: [cli.photo("a.png", RED)],
    "enroll": lambda cli: ["Kim", cli.photo("a.png", RED, mark=1)],
    "enroll-folder": folder,
    "people list": lambda cli: [],
    "people show": lambda cli: ["Ruby"],
    "people rename": lambda cli: ["Ruby", "Kim"],
    "people remove": lambda cli: ["Ruby", "--yes"],
    "people export": lambda cli: [cli.folder / "people.zip"],
    "people import": exported,
    "people migrate": lambda cli: ["--to", "postgresql://db/faces"],
    "people renew": foreign,
    "people restore": damaged,
    "weights list": checked,
    "weights fetch": checked,
    "weights check": checked,
    "weights rehearse": installed,
    "weights use": lambda cli: [*installed(cli), "--yes"],
    "weights back": changed,
    "weights discard": lambda cli: [*changed(cli), "--former"],
    "settings show": checked,
    "settings set": lambda cli: ["identify-threshold", "0.5"],
    "accuracy show": lambda cli: [],
    "accuracy use": lambda cli: ["shipped"],
    "evaluate pairs": listed,
    "evaluate folders": lambda cli: [evaluated(cli), "--gallery", "2,9"],
    "evaluate forget": lambda cli: [],
    "serve": lambda cli: ["--api-only"],
    "keys create": lambda cli: ["door", "--role", "verify", "--days", 9],
    "keys list": keyed,
    "keys revoke": lambda cli: [*keyed(cli), "door", "--yes"],
    "events": keyed,
    "album add": lambda cli: [photos(cli)],
    "album remove": lambda cli: [*added(cli), cli.folder / "photos", "--yes"],
    "album index": added,
    "album watch": lambda cli: [*added(cli), "--once"],
    "album status": indexed,
    "album search": lambda cli: [*indexed(cli), cli.photo("a.png", RED), "--zip", cli.folder / "found.zip"],
    "album cluster": named,
    "album people": named,
    "album show": lambda cli: [*named(cli), 0],
    "album name": lambda cli: [*indexed(cli), 0, "Gina"],
    "album merge": lambda cli: [*indexed(cli), 0, 1],
    "album split": lambda cli: [*indexed(cli), 0, cli("album", "show", 0, "--json").data["faces"][0]["id"]],
    "album apart": lambda cli: [*indexed(cli), 0, 1],
    "album confirm": lambda cli: [*indexed(cli), 0],
    "album undo": named,
    "album doubts": named,
    "reverse crawl": lambda cli: ["--folder", photos(cli)],
    "reverse index": crawled,
    "reverse rebuild": taken_in,
    "reverse status": taken_in,
    "reverse sources": lambda cli: [],
    "reverse search": lambda cli: [*taken_in(cli), cli.photo("a.png", RED)],
    "reverse remove": lambda cli: [*taken_in(cli), "--photo", cli.photo("a.png", RED), "--yes"],
    "reverse removals": removed,
    "reverse allow": lambda cli: [*removed(cli), 1],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_the_documented_answer_is_what_scripts_get(cli: Cli, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    def fetch(model: str, models_dir: Path, *_: object) -> Path:
        return models_dir / f"{model}{catalogue.SUFFIX}"

    def check(path: Path) -> weights.WeightsCheck:
        return weights.WeightsCheck(path, "a" * 64, True, "some", 512, "b" * 64)

    def move(source: Place, target: Place) -> Moved:
        return Moved(str(source.folder), "PostgreSQL at db", everything_in(open_store(source.folder)))

    monkeypatch.setattr("facenet_core.service.move", move)
    monkeypatch.setattr("facenet_core.cli.weights.fetch", fetch)
    monkeypatch.setattr("facenet_core.cli.weights.check", check)
    monkeypatch.setattr("uvicorn.run", lambda *given, **more: None)
    cli.enrol({"Ruby": [RED, BLUE]})
    if command.startswith(("album", "reverse")):
        monkeypatch.setattr(shipped, "_measured", lambda: {(MODEL.preprocessing, MODEL.weights_sha256): MEASURED})
    cli.environment(THRESHOLD=None, REVERSE=True)
    cli("settings", "set", "verify-threshold", "0.5")
    answer = cli(*command.split(), *ARGUMENTS[command](cli), "--json")
    (documented,) = re.findall(r"^```json\n(.*?)^```", section(command), re.DOTALL | re.MULTILINE)
    example = json.loads(documented)
    assert example["command"] == answer.data["command"] == command
    assert agree(shape(example), shape(answer.data)), (shape(example), shape(answer.data))


def test_the_documented_error_is_what_scripts_get(cli: Cli) -> None:
    answer = cli("detect", "missing.png", "--json")
    assert agree(shape(OBJECTS["error"]), shape(answer.data))
