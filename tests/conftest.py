"""What holds for every test, however the tests were started."""

import os
import signal

# A shell that runs us in the background has us ignore Ctrl+C, and every child inherits that: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Tests mean the same on a machine with a GPU: what does not name a backend runs on the reference, in child processes too.
os.environ["DESKSIDE_BACKEND"] = "reference"
