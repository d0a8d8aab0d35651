"""Which requests our web servers obey."""

from __future__ import annotations

import pytest

from fridge_pipeline.orchestration.own_pages import OwnNames, header_map, refused

UI = OwnNames.of("127.0.0.1", "https://billing.example:8443/dagster")
HERE = {"host": "127.0.0.1:3000"}
JSON = {"content-type": "application/json; charset=utf-8"}


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/runs", HERE, None),
        ("GET", "/runs", {"host": "LOCALHOST"}, None),
        ("GET", "/runs", {"host": "localhost.:3000"}, None),
        ("GET", "/runs", {"host": "[::1]:3000"}, None),
        ("GET", "/runs", {"host": "billing.example:8443"}, None),
        ("GET", "/runs", {}, 403),
        ("GET", "/runs", {"host": "rebound.example"}, 403),
        ("GET", "/runs", {"host": "127.0.0.1.rebound.example:3000"}, 403),
        ("GET", "/runs", {"host": "127.0.0.1, rebound.example"}, 403),
        ("GET", "/runs", {"host": "127.0.0.1:3000, rebound.example"}, 403),
        ("GET", "/runs", {"host": "127.0.0.1:3000@rebound.example"}, 403),
        ("GET", "/runs", {"host": "[::1].rebound.example"}, 403),
        ("GET", "/runs", {"host": "[::1]"}, None),
        ("GET", "/runs", {"host": "192.0.2.7:3000"}, 403),
        ("GET", "/runs", HERE | {"sec-fetch-site": "cross-site"}, None),  # a link in a mail
        ("GET", "/graphql", HERE, 405),
        ("GET", "/dagster/graphql", HERE | {"accept": "application/json"}, 405),
        ("GET", "/graphql", HERE | {"accept": "text/html,*/*"}, None),  # the page to type queries in
        ("POST", "/graphql", HERE | JSON, None),  # a program, which names no page
        ("POST", "/graphql", HERE | JSON | {"origin": "http://127.0.0.1:3000", "sec-fetch-site": "same-origin"}, None),
        ("POST", "/graphql", HERE | JSON | {"origin": "https://billing.example:8443"}, None),
        ("POST", "/graphql", {"host": "localhost"} | JSON | {"origin": "http://localhost:80"}, None),
        ("POST", "/graphql", HERE | JSON | {"origin": "http://127.0.0.1:3001"}, 403),  # another program of this machine
        ("POST", "/graphql", HERE | JSON | {"origin": "https://billing.example"}, 403),
        ("POST", "/graphql", HERE | JSON | {"origin": "null"}, 403),
        ("POST", "/graphql", HERE | JSON | {"origin": ""}, 403),
        ("POST", "/graphql", HERE | JSON | {"sec-fetch-site": "same-site"}, 403),
        ("POST", "/graphql", HERE | {"content-type": "text/plain"}, 415),
        ("POST", "/graphql", HERE | {"content-type": "application/x-www-form-urlencoded"}, 415),
        ("POST", "/graphql", HERE, 415),
        ("DELETE", "/anything", HERE | JSON, 405),
        ("POST", "/report_asset_materialization/x", HERE | JSON | {"origin": "http://foreign.example"}, 403),
    ],
)
def test_a_request_is_obeyed_under_our_own_names_and_a_change_only_as_json_from_our_own_pages(
    method: str, path: str, headers: dict[str, str], status: int | None
) -> None:
    refusal = refused(method, path, headers, UI)
    assert (refusal and refusal.status) == status


@pytest.mark.parametrize(
    "twice",
    [
        [("Accept", "application/json"), ("accept", "text/html")],  # Dagster goes by the first
        [("Host", "127.0.0.1:3000"), ("host", "rebound.example")],
    ],
)
def test_what_programs_read_differently_because_it_comes_twice_is_refused(twice: list[tuple[str, str]]) -> None:
    names = {name.lower() for name, _ in twice}
    once = [each for each in HERE.items() if each[0] not in names]
    refusal = refused("GET", "/graphql", header_map([*once, *twice]), UI)
    assert refusal is not None
    assert refusal.status == 400
    assert refusal.text.isprintable()


def test_a_websocket_is_a_change_because_pages_of_others_may_open_one() -> None:
    assert refused("GET", "/graphql", HERE | {"origin": "http://127.0.0.1:3000"}, UI, is_websocket=True) is None
    foreign = refused("GET", "/graphql", HERE | {"origin": "http://foreign.example"}, UI, is_websocket=True)
    assert foreign is not None


@pytest.mark.parametrize(("listens_on", "obeyed"), [("192.0.2.7", True), ("0.0.0.0", False), ("::", False)])  # noqa: S104
def test_the_address_it_listens_on_is_a_name_of_ours_unless_it_is_every_address(
    *, listens_on: str, obeyed: bool
) -> None:
    refusal = refused("GET", "/", {"host": "192.0.2.7:3000"}, OwnNames.of(listens_on, None))
    assert (refusal is None) == obeyed


def test_a_refusal_says_which_names_are_ours_and_shows_the_strangers_text_short_and_without_controls() -> None:
    refusal = refused("GET", "/", {"host": "\x1b[2J" + "x" * 500}, UI)
    assert refusal is not None
    assert "127.0.0.1, ::1, billing.example, localhost" in refusal.text
    assert "FRIDGE_UI_URL" in refusal.text
    assert refusal.text.isprintable()
    assert len(refusal.text) < 400
