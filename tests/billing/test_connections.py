"""How requests travel: connections that are kept, closed by the other side, refused, or lead through a proxy."""

from __future__ import annotations

import base64
import os
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import pytest
import stripe

from fridge_pipeline.orchestration.own_environment import settle_environment
from fridge_pipeline.stripe.connections import Connections
from fridge_pipeline.stripe.retries import answer_to_error
from fridge_pipeline.stripe.rules.answer import Outcome

BODY = b'{"object": "billing.meter_event"}'
ANSWER = b"HTTP/1.1 200 OK\r\nrequest-ID: req_1\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)


@dataclass
class Listener:
    """A server of few words: gives the same answer to every request, and ends each connection after so many.

    Of each answer it first sends so many bytes, ``first_piece``, and the rest a moment later.
    """

    answer: bytes = ANSWER
    first_piece: int = 0
    answers_per_connection: int = 1_000
    connections: int = 0
    heard: list[bytes] = field(default_factory=list)
    url: str = ""

    def serve(self, server: socket.socket) -> None:
        """Until its socket is closed."""
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.connections += 1
            with connection, suppress(ConnectionError):
                for _ in range(self.answers_per_connection):
                    heard = connection.recv(65_536)
                    if not heard:
                        break
                    self.heard.append(heard)
                    if self.first_piece:
                        connection.sendall(self.answer[: self.first_piece])
                        time.sleep(0.02)
                    connection.sendall(self.answer[self.first_piece :])


@contextmanager
def listening(listener: Listener) -> Iterator[Listener]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        listener.url = f"http://127.0.0.1:{server.getsockname()[1]}"
        threading.Thread(target=listener.serve, args=[server], daemon=True).start()
        yield listener
        server.shutdown(socket.SHUT_RDWR)


def ask(connections: Connections, url: str) -> tuple[str, int, str]:
    body, status, headers = connections.request("get", f"{url}/v1/billing/meters", {"Accept": "*/*"})
    return body, status, headers["Request-Id"]


def test_calls_one_after_another_share_a_connection_and_headers_are_found_in_any_case_of_letters() -> None:
    with listening(Listener()) as listener:
        connections = Connections(listener.url, 5, 5)
        answers = [ask(connections, listener.url) for _ in range(3)]
    assert answers == [(BODY.decode(), 200, "req_1")] * 3
    assert listener.connections == 1
    assert listener.heard[0].startswith(b"GET /v1/billing/meters HTTP/1.1\r\n")


HEAD = b"HTTP/1.1 200 OK\r\nRequest-Id: req_1\r\n"
CHUNKS = HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER,
        CHUNKS,
        HEAD + b"Set-Cookie: a\r\nSet-Cookie: b\r\n" + LENGTH + b"\r\n" + BODY,
        b"HTTP/1.1 100 Continue\r\n\r\n" + ANSWER,
        ANSWER.replace(b"200 OK", b"200"),
    ],
    ids=["plain", "chunks", "a field twice", "continue first", "no reason"],
)
@pytest.mark.parametrize("first_piece", [0, 9, -5, -len(BODY)])
def test_an_answer_is_read_to_its_end_in_every_form_and_its_connection_is_kept(answer: bytes, first_piece: int) -> None:
    with listening(Listener(answer=answer, first_piece=first_piece)) as listener:
        connections = Connections(listener.url, 5, 5)
        assert [ask(connections, listener.url) for _ in range(2)] == [(BODY.decode(), 200, "req_1")] * 2
    assert listener.connections == 1


@pytest.mark.parametrize(
    "answer",
    [HEAD + b"\r\n" + BODY, HEAD + LENGTH + b"Connection: close\r\n\r\n" + BODY, ANSWER.replace(b"/1.1", b"/1.0")],
    ids=["no length", "close", "HTTP 1.0"],
)
def test_a_connection_that_ends_with_its_answer_is_not_kept(answer: bytes) -> None:
    with listening(Listener(answer=answer, answers_per_connection=1)) as listener:
        connections = Connections(listener.url, 5, 5)
        assert ask(connections, listener.url) == (BODY.decode(), 200, "req_1")
    assert not connections._idle


def test_over_a_connection_that_said_more_than_was_asked_nothing_else_is_asked() -> None:
    with listening(Listener(answer=ANSWER + ANSWER)) as listener:
        connections = Connections(listener.url, 5, 5)
        assert ask(connections, listener.url) == (BODY.decode(), 200, "req_1")
    assert not connections._idle


def test_a_request_leaves_in_one_piece_with_its_length_and_no_header_can_become_two() -> None:
    with listening(Listener()) as listener:
        connections = Connections(listener.url, 5, 5)
        connections.request("post", f"{listener.url}/v1/x", {"Idempotency-Key": "a"}, "value=1")
        with pytest.raises(ValueError, match="line break"):
            connections.request("post", f"{listener.url}/v1/x", {"Idempotency-Key": "a\r\nX: b"}, "value=1")
    (heard,) = listener.heard
    assert heard.startswith(b"POST /v1/x HTTP/1.1\r\nHost: 127.0.0.1:")
    assert heard.endswith(b"Idempotency-Key: a\r\nContent-Length: 7\r\n\r\nvalue=1")


def test_a_kept_connection_that_the_other_side_has_closed_is_not_used_again() -> None:
    with listening(Listener(answers_per_connection=1)) as listener:
        connections = Connections(listener.url, 5, 5)
        for _ in range(3):
            ask(connections, listener.url)
            kept = connections._idle[0]
            assert kept.recv(1, socket.MSG_PEEK) == b"", "closed, and our side knows"
    assert listener.connections == 3


def test_an_address_that_nobody_listens_on_has_surely_not_received_anything() -> None:
    with pytest.raises(stripe.APIConnectionError) as caught:
        ask(Connections("http://127.0.0.1:1", 5, 5), "http://127.0.0.1:1")
    answer = answer_to_error(caught.value)
    assert (answer.outcome, answer.reached) == (Outcome.NOT_RECEIVED, False)
    assert "127.0.0.1" in answer.text
    assert "Connection refused" in answer.text


@pytest.mark.parametrize("answer", [b"", b"no HTTP at all\r\n\r\n", ANSWER[:-5]])
def test_a_connection_that_ends_before_the_answer_does_decides_nothing(answer: bytes) -> None:
    with listening(Listener(answer=answer, answers_per_connection=1)) as listener:
        connections = Connections(listener.url, 5, 5)
        with pytest.raises(stripe.APIConnectionError) as caught:
            ask(connections, listener.url)
    assert answer_to_error(caught.value).outcome is Outcome.UNDECIDED
    assert not connections._idle


def test_an_answer_that_does_not_come_in_time_decides_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(stripe.APIConnectionError) as caught:
            ask(Connections(url, 5, 0.05), url)
    answer = answer_to_error(caught.value)
    assert (answer.outcome, "timed out" in answer.text) == (Outcome.UNDECIDED, True)


def test_a_server_without_a_certificate_that_we_trust_is_told_nothing() -> None:
    with listening(Listener()) as listener:
        url = listener.url.replace("http:", "https:")
        with pytest.raises(stripe.APIConnectionError) as caught:
            ask(Connections(url, 5, 5), url)
    assert answer_to_error(caught.value).outcome is Outcome.NOT_RECEIVED
    assert not any(b"billing" in heard for heard in listener.heard)


@pytest.mark.parametrize(
    "proxy", ["http://user:top/secret@127.0.0.1:1", "user:top#secret@127.0.0.1:1", "http://[top-secret", "http://u@"]
)
def test_a_proxy_whose_address_cannot_be_read_is_a_failure_in_words_that_show_no_part_of_its_password(
    monkeypatch: pytest.MonkeyPatch, proxy: str
) -> None:
    monkeypatch.setenv("https_proxy", proxy)
    with pytest.raises(stripe.APIConnectionError, match="https_proxy") as caught:
        ask(Connections("https://stripe.example", 5, 5), "https://stripe.example")
    answer = answer_to_error(caught.value)
    assert (answer.outcome, answer.reached) == (Outcome.NOT_RECEIVED, False)
    assert not {"top", "secret"} & set(re.split(r"\W", answer.text))


@pytest.mark.parametrize("variable", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_https_goes_through_the_proxy_of_the_environment_which_is_not_told_what_is_sent(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    with listening(Listener(answer=b"HTTP/1.1 407 Who are you\r\n\r\n", answers_per_connection=1)) as proxy:
        monkeypatch.setenv(variable, proxy.url.replace("//", "//me:p%40ss@"))
        settle_environment(os.environ)
        with pytest.raises(stripe.APIConnectionError) as caught:
            ask(Connections("https://api.stripe.com", 5, 5), "https://api.stripe.com")
    assert answer_to_error(caught.value).outcome is Outcome.NOT_RECEIVED
    (heard,) = proxy.heard
    assert heard.startswith(b"CONNECT api.stripe.com:443 HTTP/1.")
    assert b"Proxy-Authorization: Basic " + base64.b64encode(b"me:p@ss") in heard
    assert b"billing" not in heard


def test_an_address_named_in_no_proxy_is_called_directly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with listening(Listener()) as listener:
        url = listener.url.replace("http:", "https:")
        with pytest.raises(stripe.APIConnectionError):
            ask(Connections(url, 5, 5), url)
    assert listener.connections == 1


def test_a_redirect_is_not_followed() -> None:
    moved = b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nRequest-Id: r\r\nContent-Length: 2\r\n\r\n{}"
    with listening(Listener(answer=moved)) as listener:
        assert ask(Connections(listener.url, 5, 5), listener.url) == ("{}", 302, "r")
    assert len(listener.heard) == 1
