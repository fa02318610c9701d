# SPDX-License-Identifier: MIT
"""`python -m byzccl.lab.engines.troupe`: all nodes of one experiment as processes of this machine.

Reads the experiment as JSON, one line, from its input; writes progress and the outcome as lines of
JSON. It loads torch and the data once and forks, so it must be a process of its own: a child of a
process in which torch has used threads may hang. Its input stays open for as long as somebody
waits for the outcome: when it ends, so do all nodes.
"""

from __future__ import annotations

import gc
import json
import math
import os
import signal
import sys
import threading
import traceback
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from typing import Any

import torch
import torch.distributed as dist
from torch._C._distributed_c10d import TCPStore

from byzccl.lab.engines.scene import Scene
from byzccl.lab.engines.stage import perform
from byzccl.lab.experiment import Experiment

PORT = 8
"""Bytes of a port in the pipe."""


def main() -> int:
    torch.set_num_threads(1)
    e = Experiment.of(json.loads(sys.stdin.readline()))
    scene = Scene(e)
    gc.freeze()  # what is there by now is no garbage in the nodes, and looking would copy its pages
    alive, ours = os.pipe()
    port, told = os.pipe()
    processes: list[BaseProcess] = []
    for number in scene.cast.nodes:
        args = (number, scene, port, alive, ours)
        process: BaseProcess = get_context("fork").Process(target=play, args=args)
        process.start()
        processes.append(process)
    os.close(alive)
    # The store is no node's: whichever dies, the others can still read why. It has threads, and so
    # comes after the last fork.
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    os.write(told, store.port.to_bytes(PORT, "little") * len(processes))
    threading.Thread(target=end_with_input, args=(processes,), daemon=True).start()
    processes[0].join()
    code = processes[0].exitcode
    if code != 0:
        print(json.dumps({"error": f"node 0 ended by {describe(code)}"}), flush=True)
    for process in processes:
        if code != 0:
            process.kill()
        process.join(e.timeout)
        process.kill()
    return int(code != 0)


def describe(code: int | None) -> str:
    if code is not None and code < 0:
        return signal.Signals(-code).name
    return f"exit code {code}"


def end_with_input(processes: list[BaseProcess]) -> None:
    """Whoever waits for the outcome has gone: so go all nodes, and this process."""
    while sys.stdin.readline():
        pass
    for process in processes:
        process.kill()
    os._exit(1)


def play(number: int, scene: Scene, told: int, alive: int, theirs: int) -> None:
    """A node's life. Node 0 says how it goes on, and ends with the outcome.

    The store's port comes from `told`; `alive` ends with the parent.
    """
    os.close(theirs)
    threading.Thread(target=end_with_parent, args=(alive,), daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's to handle

    def progress(step: int, accuracy: float) -> None:
        say({"step": step, "accuracy": None if math.isnan(accuracy) else accuracy})

    try:
        torch.set_num_threads(1)
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # whatever the host's name resolves to
        port = int.from_bytes(os.read(told, PORT), "little")
        store = TCPStore("127.0.0.1", port, is_master=False)
        dist.init_process_group(
            "gloo", store=store, rank=number, world_size=len(scene.cast.nodes),
            timeout=timedelta(seconds=max(60.0, scene.e.timeout)),
        )  # fmt: skip
        outcome = perform(scene, store, progress)
        if outcome is not None:
            say({"outcome": outcome.to_json()})
        code = 0
    except BaseException:
        if number == 0:
            say({"error": traceback.format_exc()})
        else:
            traceback.print_exc()
        code = 1
    sys.stdout.flush()
    os._exit(code)  # no teardown of the group: others may be gone already


def say(line: dict[str, Any]) -> None:
    print(json.dumps(line), flush=True)


def end_with_parent(alive: int) -> None:
    os.read(alive, 1)
    os._exit(1)


if __name__ == "__main__":
    sys.exit(main())
