from __future__ import annotations
import threading
import pytest
import streamlit as st
from facenet_core.service import FaceService
from tests.fakes import fake_engine
from tests.ui.visitor import Visitor


def settle():
    for thread in threading.enumerate():
        if thread.name in ("engine-loader", "first-photos"):
            thread.join()

class Settled(FaceService):
    def start(self):
        super().start()
        settle()
    def reload(self):
        super().reload()
        settle()

@pytest.fixture
def service(settings, monkeypatch):
    st.cache_resource.clear()
    shared = Settled(settings, fake_engine())
    monkeypatch.setattr("facenet_core.ui.session.FaceService", lambda before_load: shared)
    yield shared
    st.cache_resource.clear()
