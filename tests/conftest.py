"""What holds for every test, however the tests were started."""

import contextlib
import gc
import os
import signal

# A shell that runs us in the background has us ignore Ctrl+C, and every child inherits that: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests mean the same on a machine with a GPU: what does not name a backend runs on the reference, in child processes too.
os.environ["DESKSIDE_BACKEND"] = "reference"

with contextlib.suppress(ImportError):  # a machine that has only what its tests need
    from hypothesis import settings

    # No limit of time on an example: a busy machine exceeds any. The same examples in each run, so that a change that is
    # green stays green; SOAK_ROUNDS looks for others.
    settings.register_profile("deskside", deadline=None, derandomize="SOAK_ROUNDS" not in os.environ)
    settings.load_profile("deskside")


def pytest_collection_finish() -> None:
    """What is loaded by now, some 600,000 objects, stays: the collector need not look at it again, 0.3 s each time, which every
    test of the window would pay at its end."""
    gc.collect()
    gc.freeze()
