from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from starlette.routing import BaseRoute

from facenet_core.api.app import create_api
from facenet_core.api.workers import Workers
from facenet_core.client import Client
from facenet_core.config import Settings
from facenet_core.service import FaceService
from facenet_core.types import Role
from tests.fakes import Colour, fake_engine, photo


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """A real server for an app, on a port of its own."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    started = threading.Event()
    begin = server.startup

    async def startup(sockets: Any = None) -> None:
        await begin(sockets)
        started.set()

    server.startup = startup  # type: ignore[method-assign]
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert started.wait(20)
        (port,) = {s.getsockname()[1] for each in server.servers for s in each.sockets}
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@dataclass
class Api:
    """A server with a fake engine, and somebody who asks it."""

    service: FaceService
    app: FastAPI
    url: str
    http: httpx.Client

    def key(self, *roles: Role, name: str = "") -> dict[str, str]:
        """Headers with a new key."""
        _, secret = self.service.keys.create(name or "+".join(roles), roles)
        return {"Authorization": f"Bearer {secret}"}

    def client(self, key: str | None = None) -> Client:
        return Client(self.url, key)

    def post(self, path: str, *colours: Colour, mark: int = 0, field: str = "photo", **more: Any) -> httpx.Response:
        """Posts a photo with a face of each colour."""
        headers = more.pop("headers", None)
        files = {field: ("probe.png", photo(*colours, mark=mark))}
        return self.http.post(path, files=files, data=more, headers=headers)

    def enrol(self, name: str, *colours: Colour) -> str:
        """Enrols somebody with a photo of each colour, and tells their id."""
        for number, colour in enumerate(colours):
            analysis = self.service.prepare_enrolment(photo(colour, mark=number), f"{name}{number}.png")
            self.service.enrol(name, analysis, overrule=True)
        return self.service.repository.person(name).id

    def names(self) -> list[str]:
        return [person.name for person in self.service.people()]


Serve = Callable[..., Api]

_ROUTES: dict[int, BaseRoute] = {}
"""The routers of the API as FastAPI includes them: what it makes of each with the first request takes longer than most
tests, and is the same for every app."""


def with_known_routes(app: FastAPI) -> FastAPI:
    """An app that finds its routers as they were made for an earlier one."""
    routes = app.router.routes
    routes[:] = [_ROUTES.setdefault(id(getattr(each, "original_router", each)), each) for each in routes]
    return app


class Switch:
    """Hands requests on to the app of the test that is running: a server takes longer to stop than most tests."""

    app: FastAPI

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "lifespan":
            await self.app(scope, receive, send)


@pytest.fixture(scope="session")
def switched() -> Iterator[tuple[Switch, str]]:
    """A server for all tests, and its address."""
    switch = Switch()
    with serving(switch) as url:
        yield switch, url


@pytest.fixture
def serve(settings: Settings, switched: tuple[Switch, str]) -> Iterator[Serve]:
    """Puts an API behind the server."""
    with ExitStack() as stack:

        def start(*, keys: bool = False, workers: Workers | None = None, engine: Any = None, **changes: object) -> Api:
            service = FaceService(settings.model_copy(update=changes), engine or fake_engine())
            app = with_known_routes(create_api(service, keys_required=keys, workers=workers))
            switched[0].app, url = app, switched[1]
            service.start()
            stack.callback(service.audit.close)
            return Api(service, app, url, stack.enter_context(httpx.Client(base_url=url, timeout=30, verify=False)))

        yield start


@pytest.fixture
def api(serve: Serve) -> Api:
    """A server for this machine alone, without keys."""
    return serve()
