"""PostgreSQL over TLS: all three drivers encrypt, and none talks to a server whose certificate it cannot check."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import psycopg2
import pytest
from adbc_driver_postgresql import dbapi as adbc_postgresql
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.calendar.hours import Hour
from tests.console_script import Run
from tests.pipeline import Pipeline
from tests.security.tls_proxy import TlsProxy, make_certificate, tls_proxy

HOST = "localhost"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    return make_certificate(tmp_path, HOST)


@pytest.fixture
def proxy(pipeline: Pipeline, certificate: tuple[Path, Path]) -> Iterator[TlsProxy]:
    port = int(str(conninfo_to_dict(pipeline.database.dsn)["port"]))
    with tls_proxy(port, *certificate) as state:
        yield state


def dsn(pipeline: Pipeline, proxy: TlsProxy, *, host: str = HOST, trusted: Path) -> str:
    """The address of the test's database behind the proxy, with a certificate to trust."""
    parts = conninfo_to_dict(pipeline.database.dsn)
    place = f"{parts['user']}:{parts['password']}@{host}:{proxy.port}/{parts['dbname']}"
    return f"postgresql://{place}?sslmode=verify-full&sslrootcert={trusted}"


def test_an_hour_is_loaded_billed_and_recorded_by_dagster_over_tls_alone(
    pipeline: Pipeline, proxy: TlsProxy, certificate: tuple[Path, Path], run: Run, two_days_ago: datetime
) -> None:
    hour = Hour(two_days_ago)
    pipeline.add_tenant_with_readings("cohoes", hour, 3, 5)
    done = run(
        "bill", "--from", hour.key, "--to", hour.key,
        FRIDGE_DATABASE_URL=dsn(pipeline, proxy, trusted=certificate[0]), FRIDGE_PARTITIONS_START=hour.plus(-3).key,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert pipeline.one("select count(*) from fridge.meter_events where status = 'accepted'") == 2
    assert proxy.turned_away == 0
    assert proxy.encrypted > 3


DRIVERS = {"psycopg": psycopg.connect, "adbc": adbc_postgresql.connect, "psycopg2": psycopg2.connect}


@pytest.mark.parametrize("driver", DRIVERS)
def test_a_server_that_another_authority_vouches_for_or_of_another_name_is_refused_by_every_driver(
    pipeline: Pipeline, proxy: TlsProxy, certificate: tuple[Path, Path], driver: str, tmp_path: Path
) -> None:
    connect: Callable[[str], Any] = DRIVERS[driver]
    other, _ = make_certificate(tmp_path, "elsewhere.example")
    with pytest.raises(Exception, match="certificate verify failed"):
        connect(dsn(pipeline, proxy, trusted=other))
    with pytest.raises(Exception, match="does not match host name"):
        connect(dsn(pipeline, proxy, host="127.0.0.1", trusted=certificate[0]))
    connect(dsn(pipeline, proxy, trusted=certificate[0])).close()


def test_an_unencrypted_connection_is_turned_away_and_the_error_says_what_is_missing(
    pipeline: Pipeline, proxy: TlsProxy, certificate: tuple[Path, Path], run: Run
) -> None:
    plain = dsn(pipeline, proxy, trusted=certificate[0]).replace("verify-full", "disable")
    done = run("migrate", FRIDGE_DATABASE_URL=plain)
    assert done.returncode == 1
    assert f"PostgreSQL at localhost:{proxy.port}" in done.stderr
    assert "Traceback" not in done.stderr
    assert (proxy.turned_away, proxy.encrypted) == (1, 0)
