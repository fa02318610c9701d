# SPDX-License-Identifier: MIT
"""Messages that are short, long, out of turn or noise: the others name who sent them, and live."""

import os

import pytest

from liar import ACCOUNTS, ECHOES, HEADERS, PAYLOAD, PIECE, Liar, pack
from lied_to import N, check_named, outcomes

SIZES = [0, 1, 511, 513, 584, PIECE]


@pytest.mark.parametrize("size", SIZES)
def test_header_of_another_size_is_data(size):
    def lie(liar):
        liar.header()
        liar.send_raw_all(os.urandom(size), HEADERS)

    check_named(outcomes(lie), "rank 2 broke the protocol: it sent ")


def payload_of(liar: Liar, data: bytes, raw: bool) -> None:
    liar.tell_all(liar.header())
    liar.send_all(bytes(N), ECHOES)
    liar.take_echoes()
    (liar.send_raw_all if raw else liar.send_all)(data, PAYLOAD)


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
@pytest.mark.parametrize("size", [0, 1, 25_001, PIECE])
def test_payload_of_another_size_is_data(size, algorithm):
    results = outcomes(lambda liar: payload_of(liar, os.urandom(size), True), algorithm=algorithm)
    check_named(results, "rank 2 broke the protocol: it sent ")


@pytest.mark.parametrize("size", [1, 4096, PIECE - 1])
def test_framed_payload_of_another_size_says_how_many_bytes_came(size):
    results = outcomes(lambda liar: payload_of(liar, os.urandom(size), False))
    check_named(results, f"it sent a message of {size} bytes where ")


@pytest.mark.parametrize("short_by", [1, 15, 16, 17, PIECE - 1, PIECE])
def test_whole_piece_that_comes_short_is_seen(short_by):
    """Rank 2 owes rank 0 a shard of 3 MiB: three whole pieces and a closing one."""
    columns = N * 3 * PIECE // 4

    def lie(liar):
        shard = bytes(3 * PIECE)
        liar.tell_all(liar.header())
        liar.send_all(bytes(N), ECHOES)
        liar.take_echoes()
        for peer in liar.peers:
            for size in (PIECE, PIECE - short_by, PIECE):
                liar.send_raw(peer, shard[:size], PAYLOAD)
            liar.send_closing(peer, shard, PAYLOAD)

    check_named(outcomes(lie, columns), "with a piece that is cut short")


def test_message_that_is_sent_again_does_not_count_twice():
    def lie(liar):
        header = pack(liar.header())
        for peer in liar.peers:
            liar.send(peer, header, HEADERS, number=7)

    check_named(outcomes(lie), "it sent a message that does not belong there")


def test_flood_of_tags():
    def lie(liar):
        for channel in (PAYLOAD, HEADERS, ECHOES, ACCOUNTS):
            for number in range(50):
                for peer in liar.peers:
                    liar.send_raw(peer, bytes(64), channel, (channel << 28) + number)

    check_named(outcomes(lie), "it sent bytes that are no message")


@pytest.mark.parametrize("what", ["random", "zeros", "magic"])
def test_header_of_noise(what):
    def lie(liar):
        noise = bytes(512) if what == "zeros" else os.urandom(512)
        if what == "magic":
            noise = pack(liar.header())[:8] + noise[8:]
        else:
            liar.header()
        liar.send_all(noise, HEADERS)

    check_named(outcomes(lie), "rank 2 broke the protocol: a header ")


def test_silent_rank_is_named():
    check_named(outcomes(lambda liar: None), "rank 2 did not answer within 5 s")
