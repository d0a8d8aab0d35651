"""Which variables of a shell our processes do without, and which they add."""

from __future__ import annotations

from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]  # without a type

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import pq

from fridge_pipeline.orchestration.own_environment import past_proxies, settle_environment

PROXY = "http://proxy.example:3128"
LOOPBACK = ["127.0.0.1", "localhost", "::1"]


def test_every_variable_that_libpq_knows_is_taken_out_and_no_other() -> None:
    known = {each.envvar.decode() for each in pq.Conninfo.get_defaults() if each.envvar}
    known |= {"PGTZ", "PGDATESTYLE", "PGGEQO", "PGSYSCONFDIR", "PGLOCALEDIR", "PGDATA", "PGSERVICEFILE"}
    kept = {"FRIDGE_HOME": "/x", "PGADMIN_DEFAULT_EMAIL": "a@b", "OPGAVE": "1", "PATH": "/bin"}
    environ = {**dict.fromkeys(known, "x"), **kept}
    settle_environment(environ)
    assert len(known) > 30
    assert environ == kept


@pytest.mark.parametrize("name", ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "grpc_proxy"])
def test_with_any_proxy_loopback_goes_past_it_for_python_and_for_grpc(name: str) -> None:
    environ = {name: PROXY}
    settle_environment(environ)
    assert environ["no_proxy"].split(",") == environ["NO_PROXY"].split(",") == LOOPBACK
    assert environ["no_grpc_proxy"].split(",") == LOOPBACK
    assert environ[name] == PROXY


@pytest.mark.parametrize("variables", [{}, {"NO_PROXY": "a.example"}, {"http_proxy": ""}, {"MY_PROXY_USER": "ada"}])
def test_without_a_proxy_nothing_is_added(variables: dict[str, str]) -> None:
    assert past_proxies(variables) == {}


@pytest.mark.parametrize(
    ("given_", "no_proxy", "no_grpc_proxy"),
    [
        ({"NO_PROXY": "a.example, .b"}, ["a.example", ".b", *LOOPBACK], ["a.example", ".b", *LOOPBACK]),
        ({"no_proxy": "localhost", "NO_PROXY": "lost"}, ["localhost", "127.0.0.1", "::1"], None),
        ({"no_proxy": "*"}, ["*"], ["*", *LOOPBACK]),
        ({"no_grpc_proxy": "c.example", "no_proxy": "d"}, ["d", *LOOPBACK], ["c.example", *LOOPBACK]),
    ],
)
def test_what_the_user_excepts_already_stays(
    given_: dict[str, str], no_proxy: list[str], no_grpc_proxy: list[str] | None
) -> None:
    added = past_proxies({"http_proxy": PROXY, **given_})
    assert added["no_proxy"].split(",") == added["NO_PROXY"].split(",") == no_proxy
    assert added["no_grpc_proxy"].split(",") == (no_grpc_proxy or no_proxy)


@given(st.lists(st.sampled_from(["a.example", "*", "localhost", " ::1", ""]), max_size=4).map(",".join))
def test_settling_twice_changes_nothing_more_and_python_goes_past_the_proxy(excepted: str) -> None:
    environ = {"http_proxy": PROXY, "no_proxy": excepted}
    settle_environment(environ)
    once = dict(environ)
    settle_environment(environ)
    assert environ == once
    proxies = {"no": environ["no_proxy"], "http": PROXY}
    assert all(proxy_bypass_environment(host, proxies) for host in ("127.0.0.1", "localhost"))
