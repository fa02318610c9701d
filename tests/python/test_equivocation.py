# SPDX-License-Identifier: MIT
"""One rank tells some ranks other headers than others, or lies about what it was told."""

import os
import time
from collections.abc import Callable

import pytest
import torch

import byzccl
from liar import ACCOUNTS, ECHOES, HEADERS, PIECE, Header, Liar, pack
from lied_to import BAD, HONEST, TIMEOUT, N, check_named, outcome_of, outcomes, same_for_all
from ranks import run


def tell(liar: Liar, header_for: Callable[[int, Header], Header]) -> None:
    """A header to each peer, and to each an account that is true but for what it was told."""
    got = liar.headers()
    mine = got[0] | {"rank": BAD}
    for peer in liar.peers:
        liar.send(peer, pack(header_for(peer, dict(mine))), HEADERS)
    for peer in liar.peers:
        liar.give(peer, liar.account(header_for(peer, dict(mine)), got))


LIES = {
    "rule": b"mean",
    "refused": 1,
    "step": 7,
    "last": 0,
    "version": 9,
    "count": 5,
    "dtype": 3,
    "chunk": 1,
    "size": -5,
    "root": 99,
    "operation": 2,
    "previous": 5,
    "kind": b"cuda",
    "reason": b"rank 0 is the liar",
    "index": 2**62,
}


@pytest.mark.parametrize("algorithm", ["sharded", "ring"])
@pytest.mark.parametrize("field", LIES)
def test_rank_that_tells_one_rank_something_else_is_among_the_named(field, algorithm):
    if (field, algorithm) == ("last", "ring"):
        pytest.skip("a ring's finish always has a header of its own")

    def lie(liar):
        tell(liar, lambda peer, mine: mine | ({field: LIES[field]} if peer == 0 else {}))

    found = same_for_all(outcomes(lie, algorithm=algorithm))
    assert found["is"] == "lost", found
    assert found["suspects"] == [0, BAD], found
    assert "rank 2 told others something else, or ranks 0, 2 do not all say" in found["says"], found
    assert " to rank 0" in found["says"], found
    assert " to ranks 1, 3" in found["says"], found


@pytest.mark.parametrize("waits", [False, True])
def test_victim_of_two_headers_is_not_blamed_for_what_it_does_then(waits):
    """It ends, as a script does on an error, or it is silent: all have agreed before."""

    def body(rank):
        if rank == BAD:
            liar = Liar(TIMEOUT)
            tell(liar, lambda peer, mine: mine | ({"rule": b"mean"} if peer == 0 else {}))
            time.sleep(60)
        communicator = byzccl.Communicator(timeout=TIMEOUT)
        x = torch.full((100_000,), float(rank))
        outcome = outcome_of(lambda: communicator.all_reduce(x, "mda(f=1)").wait() or x)
        if rank == 0:
            if not waits:
                communicator.close()
            time.sleep(3)
        return outcome

    results = run(N, body, lost={BAD}, limit=40)
    for rank in HONEST:
        assert results[rank]["is"] == "lost", results
        assert BAD in results[rank]["suspects"], results
        assert len(results[rank]["suspects"]) > 1, results


@pytest.mark.parametrize("field", ["rule", "count", "step", "chunk", "version", "size", "root"])
def test_same_lie_to_all_is_a_mismatch_on_all(field):
    def lie(liar):
        tell(liar, lambda peer, mine: mine | {field: LIES[field], "operation": 1})
        liar.take_echoes()
        liar.take_accounts()

    found = same_for_all(outcomes(lie))
    assert found["is"] == "mismatch", found
    assert "from ranks 0, 1, 3; " in found["says"], found


BROKEN = {
    "magic": 1,
    "step": -1,
    "rank": 0,
    "message": 9,
    "algorithm": 9,
    "dtype": 200,
    "refused": 2,
    "last": 7,
    "zero": b"x" * 6,
    "rule": b"\x1b[2J",
    "reason": b"B" * 216,
}


@pytest.mark.parametrize("to", ["one", "all"])
@pytest.mark.parametrize("field", BROKEN)
def test_broken_header_names_its_sender(field, to):
    def lie(liar):
        told = [0] if to == "one" else liar.peers
        tell(liar, lambda peer, mine: mine | ({field: BROKEN[field]} if peer in told else {}))

    check_named(outcomes(lie))


def test_lies_that_are_sent_again_are_mismatches_until_it_stops():
    def lie(liar):
        for change in ({"rule": b"mean"}, {"step": 0}, {"step": 2**53}):
            tell(liar, lambda peer, mine, change=change: mine | change)
            liar.take_echoes()
            liar.take_accounts()

    results = outcomes(lie, calls=3)
    says = [same_for_all(results, call)["says"] for call in range(3)]
    assert "ranks disagree on rule" in says[0]
    assert "ranks disagree on step" in says[1]
    assert "ranks disagree on step" in says[2]


def test_header_to_one_rank_only():
    def lie(liar):
        header = liar.header()
        liar.send(0, pack(header), HEADERS)

    check_named(outcomes(lie))


@pytest.mark.parametrize("victims", [[0], HONEST])
def test_honest_rank_that_is_accused_is_not_named_alone(victims):
    def lie(liar):
        got = liar.headers()
        mine = got[0] | {"rank": BAD}
        liar.tell_all(mine)
        for peer in liar.peers:
            said = got | ({1: got[1] | {"rule": b"mean"}} if peer in victims else {})
            liar.give(peer, liar.account(mine, said))

    results = outcomes(lie)
    assert results[0][0]["is"] == "lost", results
    for calls in results:
        assert calls[0]["is"] == "done" or calls[0]["suspects"] == [1, BAD], results


@pytest.mark.parametrize("size", [0, 1, N - 1, N + 1, 512, PIECE])
@pytest.mark.parametrize("channel", [ECHOES, ACCOUNTS])
def test_echo_or_account_of_another_size_is_data(channel, size):
    def lie(liar):
        liar.tell_all(liar.header())
        if channel == ACCOUNTS:
            liar.send_all(b"\1" + bytes(N - 1), ECHOES)
        liar.send_raw_all(os.urandom(size), channel)

    check_named(outcomes(lie), "rank 2 broke the protocol: it sent ")


@pytest.mark.parametrize("echo", [None, b"\0\1\0\0", b"\7\0\0\0"])
def test_rank_that_owes_its_echo_or_account_is_named(echo):
    def lie(liar):
        liar.tell_all(liar.header())
        if echo is not None:
            liar.send_all(echo, ECHOES)

    check_named(outcomes(lie))
