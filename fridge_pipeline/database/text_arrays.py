"""Lists of texts as psycopg sends them: in one piece, where it looks at each of them and quotes those that need it.

Whole batches travel as a few arrays, a column each, and there that took longer than anything else about the ledger.
"""

from __future__ import annotations

from typing import Any

from psycopg.abc import Buffer
from psycopg.types.array import ListDumper


class TextArrays(ListDumper):
    """Every text quoted: ``{"a","b"}``. What holds anything but plain texts is left to psycopg."""

    def dump(self, obj: list[Any]) -> Buffer | None:
        """The array as PostgreSQL reads it."""
        if set(map(type, obj)) == {str}:
            inside = '","'.join(obj)
            quotes = 2 * (len(obj) - 1)
            if inside.count('"') == quotes and "\\" not in inside and "\0" not in inside:
                return b'{"%b"}' % inside.encode()
        return super().dump(obj)
