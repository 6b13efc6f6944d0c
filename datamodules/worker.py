"""What a worker of a loader does with signals, which go to all processes of a job."""

import os
import signal
import threading
from typing import Any

GRACE = 60.0  # seconds in which the main process ends its step and saves


def patient(worker: int) -> None:
    """Outlive the main process's last step, which needs batches; the `worker_init_fn` of loaders.

    After the first SIGTERM, which a scheduler sends to all, the worker ends within `GRACE` seconds; the second one, by which
    the main process ends its children, ends it at once. Ctrl-C and SIGUSR1 are for the main process alone.
    """
    signal.signal(signal.SIGTERM, _leave_later)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)


def _leave_later(*_: Any) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    timer = threading.Timer(GRACE, os._exit, (128 + signal.SIGTERM,))
    timer.daemon = True
    timer.start()
