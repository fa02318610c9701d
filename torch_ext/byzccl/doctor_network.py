# SPDX-License-Identifier: MIT
"""What `python -m byzccl doctor` says about what ranks meet by: file descriptors and names."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

from byzccl import _C
from byzccl.finding import Finding

MANY_RANKS = 64
SLOW = 1.0  # seconds
PATIENCE = 6.0  # seconds: more than one question to a name server that does not answer takes


def _descriptors() -> Iterator[Finding]:
    told = _C.descriptors(MANY_RANKS)
    least = _C.descriptors(2)
    if told is None or least is None:
        return
    needed, free, limit = told
    broken = free < least[0]
    yield Finding(
        "network",
        "file descriptors",
        f"{free} of {limit} are free; a communicator of {MANY_RANKS} ranks takes {needed}",
        f"this process may open {free} more file descriptors, and a communicator of "
        f"{2 if broken else MANY_RANKS} ranks takes {least[0] if broken else needed}"
        if free < needed
        else "",
        "raise the limit: ulimit -n",
        broken=broken,
    )


def _look_up() -> str:
    """The name of the address of this machine's name; what ranks log when they connect."""
    address = socket.gethostbyname(socket.gethostname())
    return socket.getnameinfo((address, 0), socket.NI_NUMERICSERV)[0]


def _names() -> Iterator[Finding]:
    said: list[str] = []

    def body() -> None:
        try:
            said.append(_look_up())
        except OSError as error:
            said.append(f"not known ({error})")

    start = time.monotonic()
    thread = threading.Thread(target=body, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    seconds = time.monotonic() - start
    yield Finding(
        "network",
        "name of this machine",
        f"{said[0] if said else 'no answer'}, after {seconds:.1f} s",
        f"looking up this machine's name took {seconds:.1f} s, and the host of a TCPStore looks "
        "one up for each rank that joins the group, while all others wait"
        if seconds > SLOW
        else "",
        "put the names and addresses of the ranks' machines into /etc/hosts",
    )


def findings() -> Iterator[Finding]:
    yield from _descriptors()
    yield from _names()
