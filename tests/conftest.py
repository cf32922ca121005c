"""For all tests: SIGINT is heard, also when a shell that ignores it started them in the background."""

from __future__ import annotations

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # processes that tests start would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)
