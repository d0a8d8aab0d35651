"""Objects of one shape, split at their quotes: the same rows as from the decoder, whatever stands among them."""

from __future__ import annotations

import pytest

from fridge_pipeline.ingest.landing import ndjson_rows
from tests.ingest.landing.delivery import TIME, Outcome, deliver

HEAD = f'{{"tenant_id":"t","recorded_at":"{TIME}",'
SPACED = (
    '{"tenant_id": "shop", "sensor_id": 17, "battery": 3.1, "recorded_at": "%s", "temperature_c": %s, "note": "%s"}'
)


def plain(number: int, temperature: str = "4.5") -> str:
    return f'{HEAD}"sensor_id":"s{number}","temperature_c":{temperature}}}'


def decoded(content: str, monkeypatch: pytest.MonkeyPatch) -> Outcome:
    with monkeypatch.context() as patch:
        patch.setattr(ndjson_rows, "flat_rows", lambda *_: None)
        return deliver(content, "x.ndjson")


@pytest.mark.parametrize(
    ("lines", "temperatures"),
    [
        ([plain(1), plain(2, "-0.5"), plain(3, "12")], [4.5, -0.5, 12]),
        ([plain(1, "null"), plain(2)], [4.5]),
        ([SPACED % (TIME, "4", "a"), SPACED % (TIME[:-1] + "+00:00", "-1.25", "€ {},:")], [4, -1.25]),
    ],
)
def test_objects_of_one_shape_reach_no_decoder(
    lines: list[str], temperatures: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    content = "\n".join(lines)
    expected = decoded(content, monkeypatch)
    monkeypatch.delattr(ndjson_rows, "_decoded")

    outcome = deliver(content, "x.ndjson")

    assert outcome == expected
    assert [temperature for *_, temperature in outcome.valid] == temperatures


@pytest.mark.parametrize(
    "odd",
    [
        *(plain(9, number) for number in ("1e1", "01", "-0", "-00.5", "NaN", "+1", "1.", ".5", "true", '"4.5"', "[1]")),
        *(plain(9, number) for number in ("4.5,", "4.5}", '4.5,"temperature_c":7', "4.5 ", "9" * 25, "0." + "3" * 25)),
        plain(9).replace('"s9"', r'"s\u0039"'),
        plain(9).replace("s9", "s\t9"),
        plain(9).replace("s9", "s\x7f9\u2028"),
        plain(9).replace("s9", ""),
        plain(9).replace('"s9"', "9"),
        plain(9).replace('"s9"', "null"),
        plain(9).replace("s9", 's"9'),
        plain(9).replace("sensor_id", "sensor"),
        plain(9).replace('"tenant_id":"t",', ""),
        plain(9).replace("{", '{"more":"x",', 1),
        plain(9).replace(":", ": "),
        plain(9).replace('"t"', '"}{"'),
        plain(9)[:-1],
        plain(9)[:-20],
        plain(9) + plain(10),
        plain(9) + "\r",
        plain(9) + "\ufeff",
        " " + plain(9),
        "",
        '"',
        "{}",
        "[]",
    ],
    ids=ascii,
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_an_odd_line_among_them_changes_nothing(odd: str, place: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [plain(1), plain(2)]
    lines.insert(place, odd)
    content = "\n".join(lines)

    assert deliver(content, "x.ndjson") == decoded(content, monkeypatch)
