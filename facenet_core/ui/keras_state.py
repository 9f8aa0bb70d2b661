"""Keeps Streamlit from clearing Keras under a running model."""

from __future__ import annotations


def keep() -> None:
    """Makes ``keras.backend.clear_session`` do nothing in this process.

    After every page run Streamlit calls it, meant for scripts that build their
    models anew each time. Here one model is shared by all sessions: the call
    would empty TensorFlow's kernel cache under it, and it waits for a lock of
    TensorFlow's while holding the interpreter's, so that a model that is being
    built or run on another thread at that moment stops the whole process.
    """
    import keras

    def clear_session(free_memory: bool = True) -> None:
        """Does nothing: the model stays."""

    keras.backend.clear_session = clear_session
