# SPDX-License-Identifier: MIT
"""A rank that speaks the protocol of docs/collectives.md by itself, and lies as it is told to."""

import contextlib
import struct
from datetime import timedelta
from typing import Any
from unittest import mock

import torch

import byzccl
import byzccl.communicator

PAYLOAD, HEADERS, ECHOES, ACCOUNTS = range(4)
PIECE = 1 << 20
FRAME = struct.Struct("<IB3xiiQQ16s16x")
MAGIC, SEAL = 0x5246425A, b"ZBCLSEAL"
LAYOUT = struct.Struct("<IIqqqqQiiiBBBBBB6s32s192s216s")
# fmt: off
NAMES = [
    "magic", "version", "step", "index", "count", "chunk", "previous", "rank", "size", "root",
    "message", "algorithm", "operation", "dtype", "refused", "last", "zero", "kind", "rule",
    "reason",
]
# fmt: on
HEADER_BYTES = LAYOUT.size

Header = dict[str, Any]


def parse(data: bytes) -> Header:
    return dict(zip(NAMES, LAYOUT.unpack(data), strict=True))


def pack(header: Header) -> bytes:
    return LAYOUT.pack(*(header[name] for name in NAMES))


class _Backend:
    """Stands for the core: takes what the communicator has connected, and starts nothing."""

    def __init__(self, met: tuple[Any, int], *_: Any) -> None:
        self.gloo, _host = met


class Liar:
    """The end of one rank, with the library's tags and frames, or without them."""

    def __init__(self, timeout: timedelta) -> None:
        with mock.patch.object(byzccl.communicator._C, "Communicator", _Backend):
            self.communicator = byzccl.Communicator(timeout=timeout)
        self.gloo = self.communicator._core.gloo
        self.rank, self.n = self.communicator.rank, self.communicator.size
        self.peers = [peer for peer in range(self.n) if peer != self.rank]
        self._sent: dict[tuple[int, int], int] = {}
        self._received: dict[tuple[int, int], int] = {}
        self._kept: list[Any] = []

    @staticmethod
    def _next(counts: dict[tuple[int, int], int], peer: int, channel: int) -> int:
        number = counts.get((peer, channel), 0)
        counts[peer, channel] = number + 1
        return number

    def send_raw(self, peer: int, data: bytes, channel: int, tag: int | None = None) -> None:
        """Bytes as they are, in the place of the next piece of the channel."""
        if tag is None:
            tag = (channel << 28) + self._next(self._sent, peer, channel)
        whole = torch.frombuffer(bytearray(data), dtype=torch.uint8) if data else torch.empty(0)
        tensor = whole.to(torch.uint8)
        with contextlib.suppress(RuntimeError):  # the peer may have gone
            self._kept.append((tensor, self.gloo.send([tensor], peer, tag)))

    def send(self, peer: int, data: bytes, channel: int, **lies: int) -> None:
        """A whole message; `lies` replace what its frame says of number, bytes, sender, .."""
        for at in range(0, len(data) - PIECE + 1, PIECE):
            self.send_raw(peer, data[at : at + PIECE], channel)
        self.send_closing(peer, data, channel, **lies)

    def send_closing(self, peer: int, data: bytes, channel: int, **lies: int) -> None:
        """The piece that ends the message, whatever went before it."""
        pieces = len(data) // PIECE
        number = self._sent.get((peer, channel), 0)
        said = {"from": self.rank, "to": peer, "number": number, "bytes": len(data)} | lies
        frame = FRAME.pack(
            MAGIC, channel, said["from"], said["to"], said["number"], said["bytes"], bytes(16)
        )
        tails = b"".join(data[(p + 1) * PIECE - 16 : (p + 1) * PIECE] for p in range(pieces))
        self.send_raw(peer, frame + data[pieces * PIECE :] + tails + SEAL, channel)

    def send_all(self, data: bytes, channel: int) -> None:
        for peer in self.peers:
            self.send(peer, data, channel)

    def send_raw_all(self, data: bytes, channel: int) -> None:
        for peer in self.peers:
            self.send_raw(peer, data, channel)

    def _receive_piece(self, peer: int, size: int, channel: int) -> bytes:
        tag = (channel << 28) + self._next(self._received, peer, channel)
        tensor = torch.zeros(size, dtype=torch.uint8)
        work = self.gloo.recv([tensor], peer, tag)
        self._kept.append((tensor, work))
        work.wait(timedelta(seconds=10))
        return bytes(tensor.numpy())

    def receive(self, peer: int, size: int, channel: int) -> bytes:
        pieces = size // PIECE
        data = b"".join(self._receive_piece(peer, PIECE, channel) for _ in range(pieces))
        rest = size % PIECE
        closing = self._receive_piece(peer, FRAME.size + rest + 16 * pieces + len(SEAL), channel)
        return data + closing[FRAME.size : FRAME.size + rest]

    def headers(self) -> dict[int, Header]:
        return {peer: parse(self.receive(peer, HEADER_BYTES, HEADERS)) for peer in self.peers}

    def header(self) -> Header:
        """What an honest rank would send: as the others, but for its rank."""
        return next(iter(self.headers().values())) | {"rank": self.rank}

    def tell_all(self, header: Header) -> None:
        self.send_all(pack(header), HEADERS)

    def take_echoes(self) -> None:
        for peer in self.peers:
            self.receive(peer, self.n, ECHOES)

    def take_accounts(self) -> None:
        for peer in self.peers:
            self.receive(peer, self.n * HEADER_BYTES, ACCOUNTS)

    def account(self, mine: Header, got: dict[int, Header]) -> list[bytes]:
        """What an honest rank would tell of the headers that it got and of its own."""
        return [pack(mine if rank == self.rank else got[rank]) for rank in range(self.n)]

    def give(self, peer: int, account: list[bytes]) -> None:
        """The echo of an account, and the account where the echo has a 1."""
        mine = parse(account[self.rank])
        echo = bytes(account[r] != pack(mine | {"rank": r}) for r in range(self.n))
        self.send(peer, echo, ECHOES)
        if any(echo):
            self.send(peer, b"".join(account), ACCOUNTS)
