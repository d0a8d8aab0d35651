"""What a shell's environment must not change: how we reach our own parts, and how PostgreSQL's clients work.

Settled once where a process of ours begins, so that the processes that it starts inherit it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, MutableMapping

from fridge_pipeline.orchestration.own_pages import LOOPBACK_NAMES

#: Every variable of PostgreSQL's programs and of libpq, which is inside three drivers: PGTZ, PGSSLMODE, PGSERVICE, …
#: What a connection needs stands in FRIDGE_DATABASE_URL.
_OF_POSTGRES = re.compile(r"PG[A-Z0-9]+|PGCONNECT_TIMEOUT")

#: HTTP_PROXY, https_proxy, ALL_PROXY, grpc_proxy and what else names a proxy; not no_proxy.
_OF_PROXY = re.compile(r"(?!no_)[a-z_]*_proxy")

EVERYWHERE = "*"


def settle_environment(environ: MutableMapping[str, str]) -> None:
    """Takes PostgreSQL's variables out, and has requests to this machine go past a proxy."""
    for name in [name for name in environ if _OF_POSTGRES.fullmatch(name)]:
        del environ[name]
    environ.update(past_proxies(environ))


def past_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables by which requests to this machine go past the proxies that are set; none when none is.

    What the user excepts already stays. gRPC reads lower case only, some programs upper case only, and Python knows
    ``*``, where it stands alone, which gRPC does not: so gRPC gets a variable of its own.
    """
    if not any(_OF_PROXY.fullmatch(name.lower()) and value for name, value in environ.items()):
        return {}
    given = environ.get("no_proxy") or environ.get("NO_PROXY") or ""
    excepted = _extended(given)
    plain = EVERYWHERE if EVERYWHERE in _hosts(given) else excepted
    return {
        "no_proxy": plain,
        "NO_PROXY": plain,
        "no_grpc_proxy": _extended(environ.get("no_grpc_proxy") or given),
    }


def _extended(given: str) -> str:
    hosts = _hosts(given)
    return ",".join([*hosts, *(each for each in LOOPBACK_NAMES if each not in hosts)])


def _hosts(given: str) -> list[str]:
    return [each for host in given.split(",") if (each := host.strip())]
