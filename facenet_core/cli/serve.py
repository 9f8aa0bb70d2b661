"""serve: the API, with the pages or alone."""

from __future__ import annotations

import logging
import os
import sys
from argparse import Namespace

from facenet_core.cli.arguments import Commands, add_command, number
from facenet_core.cli.output import Answer
from facenet_core.config import PROJECT_ROOT
from facenet_core.service import FaceService

HOST, PORT, PAGES_PORT = "127.0.0.1", 8000, 8501


def add_to(commands: Commands) -> None:
    """Adds this command to the parser."""
    parser = add_command(commands, "serve", serve, "Serve the pages and the REST API, or the API alone.")
    parser.add_argument("--api-only", action="store_true", help="without the pages; the API is at the root then")
    parser.add_argument("--host", default=HOST, metavar="ADDRESS", help=f"where to listen ({HOST}: this machine alone)")
    parser.add_argument("--port", type=number, metavar="N", help=f"{PAGES_PORT}, or {PORT} for the API alone")
    parser.add_argument("--keys", action="store_true", help="ask for keys even on this machine")


def serve(service: FaceService, args: Namespace) -> Answer:
    """Answers ``serve``, when the server has stopped."""
    from facenet_core.api import logs
    from facenet_core.api.app import create_api
    from facenet_core.api.exposure import keys_required

    required = keys_required(service, args.host, args.keys or service.settings.api_keys)
    if not args.api_only:
        _with_pages(service, args)
    import uvicorn

    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    logs.install()
    api = create_api(service, keys_required=required)
    uvicorn.run(api, host=args.host, port=args.port or PORT, access_log=False, server_header=False, log_config=None)
    return Answer({"stopped": True}, ["Stopped."])


def _with_pages(service: FaceService, args: Namespace) -> None:
    """Becomes Streamlit's server, which brings the API along."""
    os.environ["FACENET_DB"] = str(service.settings.db)
    if args.keys:
        os.environ["FACENET_API_KEYS"] = "true"
    command = ["streamlit", "run", str(PROJECT_ROOT / "asgi.py")]
    options = ["--server.address", args.host, "--server.port", str(args.port or PAGES_PORT)]
    os.execv(sys.executable, [sys.executable, "-m", *command, *options])  # noqa: S606  # no shell is wanted
