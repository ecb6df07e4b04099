"""The header of a request that was passed on: believed from a node of this studio, and from nobody else."""

from __future__ import annotations

from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st

from engine.nodes.hop import HOP_HEADER, Hop, HopSigner

KEY = b"k" * 32


def request(path: str, header: str | None = None, method: str = "GET") -> web.Request:
    return make_mocked_request(method, path, {} if header is None else {HOP_HEADER: header})


@given(st.text(st.characters(codec="utf-8"), max_size=60), st.sampled_from(["http", "https"]))
def test_what_one_node_says_another_reads(address: str, scheme: str) -> None:
    """Whatever the client's address looks like."""
    hop = Hop(address, scheme)
    header = HopSigner(KEY, lambda: "one").sign("GET", "/a?b=c", hop, "two")
    assert HopSigner(KEY, lambda: "two").read(request("/a?b=c", header)) == hop


def test_nobody_else_is_believed() -> None:
    """Another key, path, method or receiver, or anything a client may send: a request like any other."""
    made = HopSigner(KEY, lambda: "one").sign("GET", "/a", Hop("10.0.0.1", "http"), "two")
    two = HopSigner(KEY, lambda: "two")
    assert two.read(request("/a", made)) is not None
    assert two.read(request("/a")) is None
    assert two.read(request("/b", made)) is None
    assert two.read(request("/a", made, "POST")) is None
    assert HopSigner(b"x" * 32, lambda: "two").read(request("/a", made)) is None
    assert HopSigner(KEY, lambda: "three").read(request("/a", made)) is None
    for sent in ("", ".", "e30=.00", made[:-1], f"{made}0", "é.é", "a" * 5000):
        assert two.read(request("/a", sent)) is None
