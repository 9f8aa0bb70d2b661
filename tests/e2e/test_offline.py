"""A clean clone on a machine without any network: the model that ships does the main job."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image, ImageEnhance, ImageOps
from playwright.sync_api import Page, expect

from tests.e2e.conftest import ROOT, App
from tests.e2e.test_main_job import Shoot, card, choose, enrol, go, upload

pytestmark = pytest.mark.offline


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """What git has of this project, with the environment that is installed already, and nothing else."""
    if [name for _, name in socket.if_nameindex() if name != "lo"]:
        pytest.skip(
            "there is a network here: unshare --net bash -c 'ip link set lo up && scripts/test -n 0 -m offline'"
        )
    git = shutil.which("git")
    assert git
    subprocess.run([git, "clone", "--quiet", "--depth", "1", ROOT.as_uri(), str(tmp_path / "clone")], check=True)
    (tmp_path / "clone" / ".venv").symlink_to(ROOT / ".venv")
    return tmp_path / "clone"


@pytest.fixture
def app(clone: Path, tmp_path: Path) -> Iterator[App]:
    """``scripts/run`` of the clone with nothing configured but the photos of the first start: there are none."""
    (tmp_path / "nobody").mkdir()
    running = App({"FACENET_IMAGES_DIR": str(tmp_path / "nobody")}, log=tmp_path / "app.log")
    running.start([str(clone / "scripts" / "run")], {n: v for n, v in os.environ.items() if "FACENET" not in n})
    yield running
    running.stop()


def another_rendition(photo: Path, target: Path) -> Path:
    """The photo as another camera might have taken it: mirrored, smaller, darker, stored worse."""
    with Image.open(photo) as image:
        other = ImageOps.mirror(image.convert("RGB"))
    other.thumbnail((400, 400))
    ImageEnhance.Brightness(other).enhance(0.75).save(target, "JPEG", quality=60)
    return target


def test_a_clean_clone_without_a_network_enrols_verifies_and_identifies(
    app: App, clone: Path, open_page: Callable[..., Page], shoot: Shoot, tmp_path: Path
) -> None:
    grace, eileen = (clone / "images" / f"{name}.jpg" for name in ("Grace_Hopper", "Eileen_Collins"))
    probe = another_rendition(grace, tmp_path / "somebody.jpg")
    page = open_page(f"{app.url}/manage")
    expect(page.get_by_text("Model: facenet-mini")).to_be_visible()
    enrol(page, "Grace Hopper", grace)
    enrol(page, "Eileen Collins", eileen)
    card(page, "Eileen Collins")

    go(page, "Verify")
    choose(page, "Who do they say they are?", "Grace Hopper")
    upload(page, probe)
    expect(page.get_by_role("heading", name="Welcome in")).to_be_visible()
    shoot(page, "offline verify")
    choose(page, "Who do they say they are?", "Eileen Collins")
    expect(page.get_by_role("heading", name="Go away")).to_be_visible()

    go(page, "Recognise")
    upload(page, probe)
    expect(page.get_by_role("heading", name="1 photo, 1 face, 1 named")).to_be_visible()
    expect(page.get_by_text("Grace Hopper · distance")).to_be_visible()
    shoot(page, "offline recognise")

    go(page, "Settings")
    expect(page.get_by_role("button", name="Fetch and try it")).to_be_visible()
    shoot(page, "offline settings")
