"""Keeps Streamlit and a running model out of each other's way."""

from __future__ import annotations

import gc
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

FIRST_PAGE = 1.0
"""Seconds. The first page is drawn in it; the import of TensorFlow would hold that up for three."""


ALONE = 5.0
"""Seconds that a server waits for its first page before it loads a model all the same, for the API's sake."""

page_begun = threading.Event()
"""Set when the first page is on its way."""


@contextmanager
def settled() -> Iterator[None]:
    """Loads a model within, so that page runs neither clear it nor wait for it.

    * The first import of TensorFlow hardly lets go of the interpreter, so it
      begins when the first page is there, or nobody has asked for one.
    * Streamlit clears Keras after every page run: see :func:`keep`.
    * After every page run, before its last elements are sent, Streamlit has
      Python look through all objects for garbage. The hundreds of thousands
      that TensorFlow consists of made that a quarter of a second. They are put
      aside; so is what the sessions of the moment hold, until the next model.
    """
    if "keras" not in sys.modules:
        # Read when TensorFlow is imported: without it every start logs a page of remarks on its own cost estimates.
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
        if page_begun.wait(ALONE):
            time.sleep(FIRST_PAGE)
    keep()
    gc.unfreeze()  # the model that this one takes the place of
    try:
        yield
    finally:
        gc.collect()
        gc.freeze()


def keep() -> None:
    """Makes ``keras.backend.clear_session`` do nothing in this process.

    Streamlit calls it after every page run, meant for scripts that build their
    models anew each time. Here one model is shared by all sessions: the call
    would empty TensorFlow's kernel cache under it, and it waits for a lock of
    TensorFlow's while holding the interpreter's, so that a model that is being
    built or run on another thread at that moment stops the whole process.
    """
    import keras

    def clear_session(free_memory: bool = True) -> None:
        """Does nothing: the model stays."""

    keras.backend.clear_session = clear_session
