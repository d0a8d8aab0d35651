"""Hours, months, ports, and places of files on the command line: read, or refused with the form that was expected."""

from __future__ import annotations

from pathlib import Path

import click

from fridge_pipeline.calendar.days import Month, NotAMonthError
from fridge_pipeline.calendar.hours import Hour, NotAnHourError
from fridge_pipeline.ingest.object_store.store import refuse_credentials
from fridge_pipeline.ingest.rules.location import Location, location_of

#: 0 takes a free one.
PORT = click.IntRange(0, 65535)

#: The number of an exception, a settlement or a proposal: a ``bigint``.
RECORD = click.IntRange(1, 2**63 - 1)


class HourKey(click.ParamType[Hour]):
    """A partition key on the command line."""

    name = "KEY"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Hour:
        """The hour, or a usage error that shows the form."""
        try:
            return value if isinstance(value, Hour) else Hour.from_key(str(value))
        except NotAnHourError as error:
            self.fail(str(error), param, ctx)


class MonthKey(click.ParamType[Month]):
    """A month on the command line."""

    name = "MONTH"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Month:
        """The month, or a usage error that shows the form."""
        try:
            return value if isinstance(value, Month) else Month.from_key(str(value))
        except NotAMonthError as error:
            self.fail(str(error), param, ctx)


class LocationOption(click.ParamType[Location]):
    """A path or a URI such as ``s3://bucket/prefix/2026-01.zip``; a URI with credentials is refused, not repeated."""

    name = "location"

    def __init__(self, *, is_folder: bool = False, exists: bool = False) -> None:
        self._is_folder = is_folder
        self._path = click.Path(exists=exists, file_okay=not is_folder, dir_okay=is_folder, path_type=Path)

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Location:
        """The location. Raises ``click.BadParameter``."""
        try:
            refuse_credentials(str(value))
            location = location_of(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not isinstance(location, Path):
            if not self._is_folder and str(value).endswith("/"):
                self.fail(f"{value} is a prefix; say which object below it, as in {value}NAME.zip", param, ctx)
            return location
        checked: Path = self._path.convert(location, param, ctx)
        return checked
