"""``python -m facenet_core``."""

from __future__ import annotations

import os
import sys

INTERRUPTED = 130
"""128 + SIGINT, as shells report it."""

if __name__ == "__main__":
    # Read when TensorFlow is imported, which happens in the commands that need it.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        from facenet_core.cli.main import main

        code = main()
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        code = INTERRUPTED
    if code == INTERRUPTED:
        # The model may be loading on another thread, whose locks Python's own way out would wait for in vain.
        os._exit(code)
    sys.exit(code)
