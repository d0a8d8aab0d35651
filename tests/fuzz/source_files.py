"""Deliveries that sources read, of the gallery and of odd vendors, and what can happen to them on their way."""

from __future__ import annotations

import gzip
from dataclasses import replace
from functools import cache
from random import Random

import pyarrow as pa

from fridge_pipeline.ingest.gallery import gallery_sources
from fridge_pipeline.ingest.landing.source_rows import format_of
from fridge_pipeline.ingest.rules.source import ContractMode, IdField, Source
from tests.fuzz.mutations import ODD_BYTES, ODD_JSON, ODD_TEXTS, bytes_mutated
from tests.fuzz.nested_values import nested_file, nested_sources
from tests.ingest.gallery.delivered import PATHS, content_of
from tests.ingest.landing.test_odd_deliveries import DELIVERIES, TROY
from tests.ingest.landing.test_sources import source

#: Of so many files that sources read, one has long and nested values.
NESTED_EVERY = 3


@cache
def deliveries() -> dict[str, tuple[Source, bytes]]:
    """Name → source and intact file. Every second source has one tenant, every third refuses other columns."""
    found = {name: (each, PATHS[name], content_of(name)) for name, each in sorted(gallery_sources().items())}
    for number, (keys, path, content, *_) in enumerate(DELIVERIES.values()):
        body = content.encode() if isinstance(content, str) else content
        found[f"odd-{number}"] = (source(f'name = "odd-{number}"\nmatch = "*"\n{TROY}{keys}'), path, body)
    return {
        name: (
            replace(
                each,
                name=name,
                match=f"*.{name}~*",
                format=format_of(each, path),
                tenant_id=IdField(value="clinic") if number % 2 else each.tenant_id,
                contract=ContractMode.REFUSE if number % 3 == 0 else ContractMode.WARN,
            ),
            content,
        )
        for number, (name, (each, path, content)) in enumerate(found.items())
    }


@cache
def sources() -> tuple[Source, ...]:
    """All of them, and those of nested values."""
    return (*(each for each, _ in deliveries().values()), *nested_sources())


def source_file(number: int, random: Random) -> tuple[str, bytes]:
    """One delivery after some accidents, under a name that its source reads."""
    if random.randrange(NESTED_EVERY) == 0:
        return nested_file(number, random)
    name = random.choice(list(deliveries()))
    body, other = deliveries()[name][1], random.choice(list(deliveries().values()))[1]
    for _ in range(random.choice((0, 1, 1, 2, 3))):
        body = random.choice((bytes_mutated, bytes_mutated, _other_value, _other_text))(body, other, random)
    packing = random.random()
    if packing < 0.2:
        body = gzip.compress(body, mtime=0)
    elif packing < 0.4:
        body = pa.compress(body, codec="zstd", asbytes=True)
    if packing > 0.1 and packing < 0.2:
        body = bytes_mutated(body, other, random)
    return f"{number:06}.{name}~{random.choice(('src', 'gz', 'csv'))}", body


def _other_value(body: bytes, _: bytes, random: Random) -> bytes:
    """What stands between two separators, replaced: a cell, a key, a member."""
    ends = [at for at, byte in enumerate(body[:20_000]) if byte in b',;:\t\n"[]{}']
    if len(ends) < 2:
        return body
    at = random.randrange(len(ends) - 1)
    odd = random.choice((random.choice(ODD_TEXTS), random.choice(ODD_JSON)))
    return body[: ends[at] + 1] + odd.encode(errors="surrogatepass") + body[ends[at + 1] :]


def _other_text(body: bytes, _: bytes, random: Random) -> bytes:
    """One text or byte everywhere, as a program that exports does it."""
    old = random.choice((b"\n", b",", b'"', b"{", b"}", b":", b"1", b"4", b"null", b"20", b"temp", b"T"))
    return body.replace(old, random.choice(ODD_BYTES), random.choice((1, 1, 3, -1)))
