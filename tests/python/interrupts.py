# SPDX-License-Identifier: MIT
"""Signals whose handlers raise."""

import os
import signal
import threading
from collections.abc import Callable

SOON = 0.3  # seconds until a signal: the rank that gets it waits for another one by then


class Preempted(Exception):
    pass


def preempt(signal_number: int, frame: object) -> None:
    raise Preempted("the machine is needed")


# The signal, its handler, what that raises, and what this is once it went through a tamper.
SIGNALS = {
    "interrupt": (signal.SIGINT, signal.default_int_handler, KeyboardInterrupt, KeyboardInterrupt),
    "termination": (signal.SIGTERM, preempt, Preempted, RuntimeError),
    "timer": (signal.SIGALRM, preempt, Preempted, RuntimeError),
}


def send_soon(kind: str, then: Callable[[], None] = lambda: None) -> None:
    """A thread sends it to this process, and calls `then`."""
    number, handler, *_ = SIGNALS[kind]
    signal.signal(number, handler)

    def send() -> None:
        os.kill(os.getpid(), number)
        then()

    threading.Timer(SOON, send).start()
