"""Names of any length, with any number of dots, and objects within one another to any depth: bounded, and no crash."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.cli.sources import sources
from fridge_pipeline.ingest.landing.json_document import KEYS_MAX
from fridge_pipeline.ingest.landing.local import DEPTH_MAX, LocalLanding
from fridge_pipeline.ingest.rules.losses import Strays
from fridge_pipeline.ingest.sources_file import read_sources
from tests.ingest.landing.test_newcomers_gateways import AT, plain
from tests.ingest.landing.test_sources import HOUR, read, source
from tests.pipeline import Pipeline
from tests.security.test_memory import MB, PEAK_MB_MAX, parquet, require_bounded, same

SOURCES = """
[[source]]
name = "wide"
match = "wide/*"
tenant_id = { value = "t" }
recorded_at = { column = "at" }
wide = { columns = "^T" }
[[source]]
name = "of-loggers"
match = "of-loggers/*"
tenant_id = { value = "t" }
sensor_id = { column = "s" }
recorded_at = { column = "at" }
wide = { columns = "^T" }
[[source]]
name = "plain"
match = "plain/*"
tenant_id = { value = "t" }
sensor_id = { column = "s" }
recorded_at = { column = "at" }
temperature = { column = "t" }
[[source]]
name = "above"
match = "above/*"
records = "a"
tenant_id = { column = "/s" }
sensor_id = { column = "/s" }
recorded_at = { column = "/at" }
temperature = { column = "/t" }
"""


def in_one_another(count: int, name: str, beside: str = "") -> bytes:
    """So many objects, each a member of the one before it."""
    return (f'{{{beside}"{name}":' * count + "1" + "}" * count).encode()


def wide_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    name, columns = b"T" + b"1" * MB, b",".join(b"T%d" % number for number in range(2_000))
    values = b",1" * 2_000
    return {
        "wide/long.csv": (b"at," + name + b"\n" + (at + b",4\n") * 1_000, "unreadable 0"),
        "wide/dots.ndjson": (b'{"at":"%s","T%s":4}\n' % (at, b".1" * 15_000), "unreadable 0"),
        "of-loggers/long.csv": (
            b"at,s," + columns + b"\n" + (at + b"," + b"s" * 15_000 + values + b"\n") * 60,
            "loaded 120000",
        ),
    }


def nested_files(at: bytes) -> dict[str, tuple[bytes, str]]:
    deep = in_one_another(800, "k" * 4_000, '"a":1,')
    row = b'{"s":"a","at":"%s","t":4,"x":%s}\n'
    return {
        "plain/named.ndjson": (row % (at, deep), "loaded 1"),
        "plain/without.ndjson": (deep + b"\n", "unreadable 0"),
    }


def repeated_files(_: bytes) -> dict[str, tuple[bytes, str]]:
    texts = b",".join(b'"%s":"%s"' % (name, b"x" * 700) for name in (b"s", b"at", b"t"))
    return {"above/copied.ndjson": (b'{%s,"a":[%s{}]}\n' % (texts, b"{}," * 150_000), "loaded 1")}


@pytest.mark.parametrize("files", [wide_files, nested_files, repeated_files], ids=lambda made: made.__name__)
def test_a_load_stays_below_1_gib_whatever_names_hold_and_however_often_they_are_repeated(
    pipeline: Pipeline, two_days_ago: datetime, files: Callable[[bytes], dict[str, tuple[bytes, str]]]
) -> None:
    hour = Hour(two_days_ago)
    require_bounded(pipeline, hour, files(f"{hour.start:%Y-%m-%dT%H:%M:%SZ}".encode()), SOURCES)


FIELDS = """
tenant_id = { value = "troy" }
sensor_id = { column = "%ss" }
recorded_at = { column = "%sat" }
temperature = { column = "%st" }
"""

#: How a source reads objects, and how a file holds one of them.
WAYS: dict[str, tuple[str, Callable[[str], str]]] = {
    "objects": (plain("n", FIELDS.replace("%s", ""), format="ndjson"), str),
    "records": (plain("n", FIELDS.replace("%s", ""), format="ndjson", records="*"), '{{"0":{}}}'.format),
    "texts": (
        plain("n", FIELDS.replace("%s", "p."), format="ndjson", embedded=["p", "p.x"]),
        lambda text: json.dumps({"p": text}),
    ),
    "records in texts": (
        plain("n", FIELDS.replace("%s", ""), format="ndjson", records="p", embedded=["p", "p.x"]),
        lambda text: json.dumps({"p": base64.b64encode(text.encode()).decode()}),
    ),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_however_deep_its_arrays_or_objects_are_a_row_is_a_row_and_its_neighbours_load(way: str, brackets: str) -> None:
    definition, within = WAYS[way]
    opening, closing = ("[", "]") if brackets == "[]" else ('{"x":', "}")
    depths = (*range(1, 40, 13), *range(300, 520, 20), *range(860, 1_040))
    lines = []
    for depth in depths:
        deep = f"{opening * depth}1{closing * depth}"
        lines += [
            within(f'{{"s":"good","at":"{AT}","t":4}}'),
            within(f'{{"s":{deep},"at":"{AT}","t":4,"x":{deep}}}'),
            within(f'{{"s":"x","at":"{AT}","t":4,"x":{deep}}}'),
        ]
    found = read(source(definition), "\n".join(lines), "a.ndjson")
    assert found.error is None
    assert len({line for line, *_ in found.valid} | {line for line, *_ in found.rejected}) == 3 * len(depths)
    assert [line for line, _, sensor, *_ in found.valid if sensor == "good"] == list(range(1, len(lines) + 1, 3))


WIDE = 'tenant_id = { value = "t" }\nrecorded_at = { column = "at" }\nwide = { columns = "^T" }'


@pytest.mark.parametrize("keys", [("T1", "T1.x"), ("T1.x", "T1"), ("T1.x.y", "T1.x")])
@pytest.mark.parametrize("more", ["", "\nx"])
def test_a_column_by_sensor_whose_name_begins_with_anothers_is_a_sensor(keys: tuple[str, str], more: str) -> None:
    text = json.dumps({"at": AT, keys[0]: 4, keys[1]: 5})
    found = read(source(plain("n", WIDE)), text + more, "a.ndjson")
    assert {sensor: degrees for _, _, sensor, _, degrees in found.valid} == {keys[0]: 4, keys[1]: 5}


def test_columns_by_sensor_take_the_time_of_their_bytes_and_not_its_product_with_their_number() -> None:
    taken = []
    for columns, rows in ((200, 1_000), (2_000, 100)):
        names = ",".join(f"T{number}" for number in range(columns))
        text = f"at,{names}\n" + f"{AT}{',1.5' * columns}\n" * rows
        begun = time.process_time()
        assert len(read(source(plain("n", WIDE)), text, "a.csv").valid) == columns * rows
        taken.append(time.process_time() - begun)
    assert taken[1] < 4 * taken[0]


def test_columns_by_sensor_with_dots_in_their_names_take_seconds_and_not_minutes() -> None:
    row = json.dumps({"at": AT, **{f"T{number}.a.b.c": 1 for number in range(2_000)}})
    read_it = (
        f"from {__name__} import *; print(len(read(source(plain('n', WIDE)), sys.stdin.read(), 'a.ndjson').valid))"
    )
    done = subprocess.run(
        [sys.executable, "-c", read_it], input=row, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "2000\n"


def test_a_number_within_a_name_of_any_length_leads_nowhere() -> None:
    lines = f'{{"at":"{AT}","T.{"1" * 5_000}":4}}\n{{"at":"{AT}","T":[1],"T1":{{}}}}\nx'
    found = read(source(plain("n", WIDE)), lines, "a.ndjson")
    assert found.error is not None
    assert "1 column like ^T with a name of more than 500 characters or 10 dots" in found.error


def test_a_document_in_which_the_records_stand_behind_too_many_keys_is_refused_and_not_kept_in_memory() -> None:
    keys = ",".join(f'"{number}":0' for number in range(KEYS_MAX + 1))
    of_data = plain("n", FIELDS.replace("%s", ""), format="json", records="data")
    found = read(source(of_data), f'{{{keys},"data":[{{"s":1,"at":"{AT}","t":4}}]}}', "a.json")
    assert found.error == f"data is not among the first {KEYS_MAX} keys where it would be"


def test_folders_so_deep_that_looking_costs_the_square_of_their_number_are_a_stray(tmp_path: Path) -> None:
    below = tmp_path / HOUR.folder
    for _ in range(DEPTH_MAX + 5):
        below /= "d"
    below.mkdir(parents=True)
    (below / "a.csv").write_text("x")
    (below.parents[5] / "b.csv").write_text("x")
    nested = read_sources(SOURCES.replace('"plain/*"', '"d/*"'))
    strays = Strays()
    zone = LocalLanding(tmp_path, nested)
    assert [file.path.rpartition("/")[2] for file in zone.listing(HOUR, None, strays).files] == ["b.csv"]
    assert list(strays.found) == [HOUR.folder]


GUESSED = """
import resource, sys
from pathlib import Path
from click.testing import CliRunner
from fridge_pipeline.cli.sources import sources
for name in sys.argv[1:]:
    done = CliRunner().invoke(sources, ["guess", name])
    assert done.exception is None or isinstance(done.exception, SystemExit), (name, done.exception)
status = Path("/proc/self/status")
if status.exists():
    print(next(int(line.split()[1]) // 1024 for line in status.read_text().splitlines() if line.startswith("VmHWM")))
else:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 2**20)
"""


def hostile_samples() -> dict[str, bytes]:
    """Each kept a guess busy for ever, took gigabytes, or ended it with a traceback."""
    reading = '"time":"2026-01-24T18:30:00Z","temp":4'
    many = ",".join(f'"k{number}":1' for number in range(150_000))
    return {
        "doubling.json": in_one_another(60, "a"),
        "alike.json": in_one_another(60, "*"),
        "deep.ndjson": b"\n".join(in_one_another(depth, "a") for depth in range(800, 1_000)),
        "long-names.json": in_one_another(800, "k" * 4_000, '"a":1,'),
        "beside.json": f'{{{many},"r":[{",".join([f"{{{reading}}}"] * 3_000)}]}}'.encode(),
        "other-names.ndjson": b"".join(
            b"{%s}\n" % b",".join(b'"%d-%d":1' % (row, number) for number in range(1_500)) for row in range(200)
        ),
        "unit.ndjson": f'{{"{"_unit" * 40_000}":"C",{reading},"kind":"{"temp" * 40_000}!"}}\n'.encode() * 2,
        "unclosed.csv": b'time,temp\n2026-01-24T18:30:00Z,4\n2026-01-24T18:31:00Z,"4\n' + (b"x" * 90_000 + b"\n") * 2,
        "dotted.json": f'{{"a.b":[{{{reading}}},{{{reading}}}]}}'.encode(),
        "megabytes.parquet": parquet(same("x" * MB, 1_000)),
    }


def test_nothing_that_a_file_holds_keeps_a_guess_busy_or_makes_it_large(tmp_path: Path) -> None:
    names = []
    for name, body in hostile_samples().items():
        (tmp_path / name).write_bytes(body)
        names.append(str(tmp_path / name))
    done = subprocess.run(
        [sys.executable, "-c", GUESSED, *names], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    assert int(done.stdout) < PEAK_MB_MAX


def test_a_guess_goes_on_where_the_key_of_the_records_holds_a_dot(tmp_path: Path) -> None:
    reading = '{"time":"2026-01-24T18:30:00Z","temp":4.5,"sensor":"s1"}'
    (tmp_path / "a.json").write_text(f'{{"a.b":[{reading},{reading}]}}')
    done = CliRunner().invoke(sources, ["guess", str(tmp_path / "a.json")])
    assert (done.exit_code, 'records = "a.b"' in done.output) == (0, True), done.output
