"""The file that extends the sensor register: read as people make it, or refused by line."""

from __future__ import annotations

from datetime import UTC, datetime

from fridge_pipeline.catalogue.register_record import RegisterEntry
from fridge_pipeline.catalogue.table_file import TableRefusedError, cells_of, lines_of, read_header
from fridge_pipeline.catalogue.tenant import ID_LENGTH_MAX
from fridge_pipeline.visible import one_line

COLUMNS = ("sensor_id", "tenant_id", "valid_from")


def read_entries(content: bytes) -> list[RegisterEntry]:
    """The entries in the bytes of a file. Raises ``TableRefusedError``, with every line that is wrong.

    Comments, empty lines, blanks around a cell and further columns are passed over. A time without an offset is UTC.
    """
    lines = lines_of(content)
    delimiter, names = read_header(lines, COLUMNS)
    entries: list[RegisterEntry] = []
    problems: list[str] = []
    line_of: dict[tuple[str, datetime], int] = {}
    for number, line in lines:
        cells = cells_of(line, delimiter, len(names))
        if cells is None or len(cells) != len(names):
            has = "a quotation mark that does not end" if cells is None else f"{len(cells)} cells"
            problems.append(f"line {number}: has {has}, and the header has {len(names)}")
            continue
        values = dict(zip(names, cells, strict=True))
        try:
            entry = _entry(number, *(values[column] for column in COLUMNS))
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        first = line_of.setdefault((entry.sensor_id, entry.valid_from), number)
        if first != number:
            problems.append(f"line {number}: the sensor {entry.sensor_id!r} has an entry of this time in line {first}")
        entries.append(entry)
    if problems:
        raise TableRefusedError(problems)
    return entries


def _entry(number: int, sensor_id: str, tenant_id: str, valid_from: str) -> RegisterEntry:
    for column, value in zip(COLUMNS, (sensor_id, tenant_id), strict=False):
        if not value:
            raise ValueError(f"has no {column}")
        if not value.isprintable() or one_line(value) != value:
            raise ValueError(f"{column} {value[:60]!r} holds a character that cannot be seen; type it anew")
        if len(value) > ID_LENGTH_MAX:
            raise ValueError(f"{column} has {len(value)} characters, and {ID_LENGTH_MAX} is the most")
    try:
        moment = datetime.fromisoformat(valid_from)
        moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):  # in UTC it may be of the year 0, or 10000
        raise ValueError(
            f"valid_from is a time in ISO 8601, such as 2026-01-24T18:00:00Z, got {valid_from[:60]!r}"
        ) from None
    return RegisterEntry(sensor_id, tenant_id, moment, number)
