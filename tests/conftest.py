"""What holds for every test, however the tests were started."""

import signal

# A shell that runs us in the background has us ignore Ctrl+C, and every child inherits that: tests send it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
