"""The API as one application."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import limits
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from facenet_core.api import about, batches, decisions, examples, moving, people, problems, simple
from facenet_core.api.access import Access
from facenet_core.api.context import Context
from facenet_core.api.uploads import BodyLimit
from facenet_core.api.workers import Workers
from facenet_core.service import FaceService

logger = logging.getLogger("facenet_core.api")

MORE = 2**20
"""Bytes of a request beyond its photos."""

TOGETHER = 4
"""Photos of the largest size that fit into one request."""

ABOUT = """
Verify a claimed identity (1:1), identify an unknown face (1:N), enrol and manage people: the decisions of the pages,
for other programs. Every distance comes with the threshold that it was held against, and how rare it is among
strangers.
"""


def create_api(service: FaceService, *, keys_required: bool, workers: Workers | None = None) -> FastAPI:
    """Makes the API.

    Args:
        service: What answers.
        keys_required: Whether a key is needed. Without, the server must listen
            to this machine alone.
        workers: Where work is done.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield

    app = FastAPI(title="FaceNet", description=ABOUT, version="1", lifespan=lifespan, redoc_url=None)
    access = Access(service.keys.check, keys_required, limits.parse(service.settings.api_rate))
    context = Context(service, access, workers or Workers(), service.monitor)
    app.state.context = context
    context.monitor.gauge("facenet_queue", "Requests that wait", lambda: context.workers.waiting)
    context.monitor.gauge("facenet_people", "Enrolled people", lambda: len(service.people()))
    context.monitor.gauge(
        "facenet_templates", "Enrolled photos", lambda: sum(len(person.templates) for person in service.people())
    )
    for module in (decisions, people, batches, moving, about, simple):
        app.include_router(module.router)
    app.include_router(about.metrics)
    problems.install(app)
    described = app.openapi
    app.openapi = cache(lambda: examples.fill(described()))  # type: ignore[method-assign]  # FastAPI's own way
    app.add_middleware(BodyLimit, max_bytes=TOGETHER * service.max_bytes + MORE, admit=access.at_the_door)
    app.add_middleware(_Counted, context=context)
    return app


class _Counted:
    """Counts, times and logs every request: its route, never what was in it."""

    def __init__(self, app: ASGIApp, context: Context) -> None:
        self._app, self._context = app, context

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, seen)
        finally:
            seconds = time.perf_counter() - began
            found = scope.get("route")
            route = found.path if isinstance(found, APIRoute) else "other"
            self._context.monitor.answered(scope["method"], route, status, seconds)
            logger.info(
                "request", extra={"method": scope["method"], "route": route, "status": status, "seconds": seconds}
            )
