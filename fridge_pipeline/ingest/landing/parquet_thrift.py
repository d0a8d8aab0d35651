"""Structs in Thrift's compact protocol, as far as the headers of a parquet file need them.

Source: github.com/apache/thrift, doc/specs/thrift-compact-protocol.md.
"""

from __future__ import annotations

#: Most structs, and values in lists, of one struct. In a reader's memory a struct of a few bytes may be a kilobyte.
STRUCTS_MAX = 300_000
VALUES_MAX = 2_000_000

_DEPTH_MAX = 16

#: Integers by their type, and their bits.
INTEGERS = {4: 16, 5: 32, 6: 64}
INT32, INT64 = 5, 6

# How other values are stored, by the number of their type. Of a boolean field the type is the value.
_BOOLEANS = (1, 2)
_BINARY, _MAP, _STRUCT, _LISTS = 8, 11, 12, (9, 10)
_FIXED_BYTES = {1: 1, 2: 1, 3: 1, 7: 8, 13: 16}

_LONG_LIST = 15  # the size of a list stands behind its head
_MORE = 0x80  # of a number, another byte follows
_NUMBER_BITS_MAX = 70


class NotAStructError(ValueError):
    """These bytes are no struct, or one that claims more than the limits."""


class Struct(dict[int, object]):
    """Field → its value, as anybody may have written it: a field of another type is not there for its reader."""

    __slots__ = ()

    def number(self, field: int) -> int | None:
        """The integer in a field."""
        value = self.get(field)
        return value if isinstance(value, int) else None

    def part(self, field: int) -> Struct:
        """The struct in a field; an empty one where there is none."""
        value = self.get(field)
        return value if isinstance(value, Struct) else Struct()

    def parts(self, field: int) -> list[Struct]:
        """The structs of the list in a field; none where there is no such list."""
        value = self.get(field)
        return value if isinstance(value, list) else []


class ThriftReader:
    """Reads a struct in Thrift's compact protocol: its integers of one type, its structs and lists of structs.

    That is what a parquet reader makes of a field that it knows under this type; all else is skipped, and counted.
    """

    def __init__(self, data: bytes, integers: int) -> None:
        self._data = data
        self._integers = integers
        self.at = 0
        self._structs = 0
        self._values = 0

    def struct(self, depth: int = 0) -> Struct:
        """The struct; raises ``IndexError`` where the bytes end before it does."""
        self._structs += 1
        if self._structs > STRUCTS_MAX:
            raise NotAStructError(f"more than {STRUCTS_MAX} parts")
        fields = Struct()
        field = 0
        while (head := self._byte()) != 0:
            field = _signed(field + (head >> 4) if head >> 4 else self._zigzag(), 16)
            kind = head & 15
            if kind in _BOOLEANS:  # true and false: the value is in its type
                continue
            value = self._value(kind, depth)
            if value is not None:
                fields[field] = value
        return fields

    def _value(self, kind: int, depth: int) -> int | Struct | list[Struct] | None:
        if depth > _DEPTH_MAX:  # lists and maps too: each is a call within a call here
            raise NotAStructError(f"more than {_DEPTH_MAX} parts within one another")
        if kind in INTEGERS:
            number = _signed(self._zigzag(), INTEGERS[kind])
            return number if kind == self._integers else None
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            return self._list(depth)
        if kind == _MAP:
            self._map(depth)
        elif kind == _BINARY:
            self._skip(self._varint())
        elif kind in _FIXED_BYTES:
            self._skip(_FIXED_BYTES[kind])
        else:
            raise NotAStructError(f"a value of the unknown type {kind}")
        return None

    def _list(self, depth: int) -> list[Struct] | None:
        head = self._byte()
        size = head >> 4 if head >> 4 != _LONG_LIST else self._varint()
        self._count(size)
        if head & 15 == _STRUCT:
            return [self.struct(depth + 1) for _ in range(size)]
        for _ in range(size):
            self._value(head & 15, depth + 1)
        return None

    def _map(self, depth: int) -> None:
        size = self._varint()
        kinds = self._byte() if size else 0
        self._count(size)
        for _ in range(size):
            self._value(kinds >> 4, depth + 1)
            self._value(kinds & 15, depth + 1)

    def _count(self, size: int) -> None:
        self._values += size
        if self._values > VALUES_MAX:
            raise NotAStructError(f"more than {VALUES_MAX} values in lists")

    def _skip(self, size: int) -> None:
        self.at += size
        if self.at > len(self._data):
            raise IndexError(f"it ends at byte {len(self._data)}, in a value that goes on to {self.at}")

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & ~_MORE) << shift
            shift += 7
            if byte < _MORE:
                return value
            if shift > _NUMBER_BITS_MAX:
                raise NotAStructError("a number of more than 64 bits")

    def _zigzag(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _signed(number: int, bits: int) -> int:
    """The number in so many bits, as a reader of them sees it."""
    half = 1 << (bits - 1)
    return ((number + half) & ((1 << bits) - 1)) - half
