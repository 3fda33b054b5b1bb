"""The proxy passes everything on, and cuts where it is told: after the server's answer."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from infra.local.process import free_port
from tests.faults.proxy import Proxy


class Counting(BaseHTTPRequestHandler):
    """Counts what it has done."""

    done = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).done += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
        """Says nothing."""


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    Counting.done = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), Counting)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    with Proxy(free_port(), server.server_port, (b"POST ",)) as found:
        yield found
    server.shutdown()
    thread.join()
    server.server_close()


def post(proxy: Proxy, body: bytes) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", proxy.port, timeout=10)
    try:
        connection.request("POST", "/", body)
        return connection.getresponse().read()
    finally:
        connection.close()


def test_it_passes_on_what_is_said_both_ways(proxy: Proxy) -> None:
    body = bytes(range(256)) * 4_000
    assert post(proxy, body) == body
    assert (proxy.cuts, Counting.done) == (0, 1)


def test_an_answer_is_cut_when_the_server_has_done_what_it_was_asked(proxy: Proxy) -> None:
    proxy.cut()
    with pytest.raises(OSError, match=r"reset|closed"):
        post(proxy, b"once")
    assert (proxy.cuts, Counting.done) == (1, 1)
    assert post(proxy, b"again") == b"again"


def test_a_server_that_is_away_refuses(proxy: Proxy) -> None:
    # Whoever asks may still be sending when he is cut off, or have sent all.
    with Proxy(free_port(), free_port(), ()) as nobody, pytest.raises(OSError, match=r"reset|closed|Broken pipe"):
        post(nobody, b"hello")
