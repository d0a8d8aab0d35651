"""Hours and months on the command line: read, or refused with the form that was expected."""

from __future__ import annotations

import click

from fridge_pipeline.calendar.days import Month, NotAMonthError
from fridge_pipeline.calendar.hours import Hour, NotAnHourError


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
