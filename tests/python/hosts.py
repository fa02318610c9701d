# SPDX-License-Identifier: MIT
"""Hosts that are network namespaces of this machine, joined by a bridge."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def ip(*words: str, check: bool = True) -> None:
    subprocess.run(["ip", *words], check=check, capture_output=True, text=True)


class Hosts:
    """Host k has the address 10.77.0.(k + 1) on its eth0."""

    def __init__(self, count: int) -> None:
        self.tag = f"bz{os.getpid() % 10000}"
        self.count = count

    def name(self, host: int) -> str:
        return f"{self.tag}h{host}"

    def address(self, host: int) -> str:
        return f"10.77.0.{host + 1}"

    def start(self) -> None:
        ip("link", "add", f"{self.tag}b", "type", "bridge")
        ip("link", "set", f"{self.tag}b", "up")
        for host in range(self.count):
            name, outside = self.name(host), f"{self.tag}v{host}"
            ip("netns", "add", name)
            ip("link", "add", outside, "type", "veth", "peer", "name", "eth0", "netns", name)
            ip("link", "set", outside, "master", f"{self.tag}b", "up")
            inside = ("netns", "exec", name, "ip")
            ip(*inside, "link", "set", "lo", "up")
            ip(*inside, "addr", "add", f"{self.address(host)}/24", "dev", "eth0")
            ip(*inside, "link", "set", "eth0", "up")

    def stop(self) -> None:
        for host in range(self.count):
            # What torchrun starts outlives it, and a namespace outlives its name.
            pids = subprocess.run(
                ["ip", "netns", "pids", self.name(host)], capture_output=True, text=True
            ).stdout
            for pid in pids.split():
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            ip("netns", "del", self.name(host), check=False)
        ip("link", "del", f"{self.tag}b", check=False)

    def cut_off(self, host: int) -> None:
        """Nothing reaches it or leaves it any more, and nobody is told."""
        ip("link", "set", f"{self.tag}v{host}", "down")

    def bytes_from(self, host: int) -> int:
        """What the host has sent to others so far."""
        path = Path("/sys/class/net") / f"{self.tag}v{host}" / "statistics" / "rx_bytes"
        return int(path.read_text())

    def command(self, host: int, *words: str) -> list[str]:
        return ["ip", "netns", "exec", self.name(host), *words]


@contextmanager
def hosts(count: int) -> Iterator[Hosts]:
    """Raises PermissionError where this process may not make namespaces."""
    if shutil.which("ip") is None:
        raise PermissionError("there is no ip command (package iproute2)")
    made = Hosts(count)
    try:
        try:
            made.start()
        except subprocess.CalledProcessError as error:
            raise PermissionError(f"no network namespaces here: {error.stderr.strip()}") from None
        yield made
    finally:
        made.stop()
