"""The pages and, under /api, the REST API in one process. Run with ``streamlit run asgi.py``."""

from __future__ import annotations

import streamlit as st
from starlette.routing import Mount

from facenet_core.api import logs
from facenet_core.api.app import create_api
from facenet_core.api.exposure import keys_required
from facenet_core.errors import SettingError
from facenet_core.ui import session

service = session.service()
try:
    required = keys_required(service, st.get_option("server.address"), service.settings.api_keys)
except SettingError as error:
    raise SystemExit(str(error)) from None
logs.install()
app = st.App("app.py", routes=[Mount("/api", app=create_api(service, keys_required=required))])
