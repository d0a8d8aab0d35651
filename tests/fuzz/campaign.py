"""A campaign: batches of mutated files among intact ones; what breaks a law is shrunk and kept as a finding."""

from __future__ import annotations

import faulthandler
import gzip
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

from fridge_pipeline.calendar.hours import Hour
from tests.fuzz.laws import FIRST_HOUR, Files, Ground, broken_laws
from tests.fuzz.mutations import mutated, odd_name
from tests.fuzz.seeds import Seed, packed, seed_file
from tests.fuzz.source_files import source_file

FINDINGS = Path(__file__).parent / "findings"

#: A batch of 500 takes a few seconds; what takes so long hangs.
DEADLINE_SECONDS = 240
#: Every so many batches, all files are delivered once more under other names.
COPIES_EVERY = 5
_INTACT = 5
#: Of so many files one is read by a source.
SOURCE_FILES_EVERY = 3
_SHRINKING_STEPS_MAX = 300


@dataclass
class Tally:
    """What a campaign has been through."""

    files: int = 0
    formats: Counter[str] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    memory_bytes: int = 0


def batch(seed: int, number: int, size: int) -> tuple[dict[str, bytes], dict[str, int]]:
    """The files of a batch, and those among them that are intact with the readings each brings; always the same."""
    random, hour = Random(f"{seed}/{number}"), Hour(FIRST_HOUR)  # it must be the same again
    files: dict[str, bytes] = {}
    intact: dict[str, int] = {}
    for at in range(_INTACT):
        seeded = seed_file(random, hour, f"{number}i{at}")
        name = f"intact{random.randrange(10**6):06}-{at}.{seeded.format.value}"
        files[name], intact[name] = _as_delivered(seeded, random), _distinct(seeded)
    by_source = size // SOURCE_FILES_EVERY
    files |= dict(source_file(size + at, random) for at in range(by_source))
    seeds = [seed_file(random, hour, f"{number}m{at}") for at in range(size - _INTACT - by_source)]
    for at, seeded in enumerate(seeds):
        files[odd_name(at, seeded.format, random)] = mutated(seeded, random.choice(seeds), random)
    return files, intact


def run_batch(ground: Ground, files: Files, intact: dict[str, int], *, copies: bool) -> list[str]:
    """The laws that a batch breaks. A load that hangs ends the process, and says where."""
    faulthandler.dump_traceback_later(DEADLINE_SECONDS, exit=True)
    try:
        return broken_laws(ground, files, intact, copies=copies)
    finally:
        faulthandler.cancel_dump_traceback_later()


def smallest(fresh_ground: Callable[[], Ground], files: Files, intact: dict[str, int], *, copies: bool) -> Files:
    """The fewest and shortest files that still break a law, found by leaving out halves."""

    def breaks(some: Files) -> bool:
        return bool(
            run_batch(fresh_ground(), some, {name: intact[name] for name in some if name in intact}, copies=copies)
        )

    names = _fewest(list(files), lambda some: breaks({name: files[name] for name in some}))
    found: Files = {name: files[name] for name in names}
    for name in set(names) - set(intact):
        found = _shorter(found, name, breaks)
    return found


def keep(files: Files) -> list[Path]:
    """Writes a finding's files where the tests load them from then on."""
    FINDINGS.mkdir(exist_ok=True)
    kept = []
    for name, body in files.items():
        suffix = name.partition(".")[2] if name.count(".") < 3 else name.rpartition(".")[2]  # x.csv.gz
        path = FINDINGS / f"{hashlib.sha256(body).hexdigest()[:12]}.{suffix}"
        path.write_bytes(body)
        kept.append(path)
    return kept


def _as_delivered(seeded: Seed, random: Random) -> bytes:
    return packed(seeded.body, random) if seeded.format.is_gzip else seeded.body


def _distinct(seeded: Seed) -> int:
    identity = [seeded.names.index(name) for name in ("tenant_id", "sensor_id", "recorded_at")]
    return len({tuple(row[at] for at in identity) for row in seeded.rows})


def _fewest(items: list[str], breaks: Callable[[list[str]], bool]) -> list[str]:
    parts = 2
    while len(items) > 1:
        for without in _without_a_part(items, parts):
            if breaks(without):
                items, parts = without, max(parts - 1, 2)
                break
        else:
            if parts >= len(items):
                break
            parts = min(parts * 2, len(items))
    return items


def _without_a_part(items: list[str], parts: int) -> Iterator[list[str]]:
    size = -(-len(items) // parts)
    for start in range(0, len(items), size):
        kept, left_out = items[start : start + size], items[:start] + items[start + size :]
        yield kept
        if left_out:
            yield left_out


def _shorter(files: Files, name: str, breaks: Callable[[Files], bool]) -> Files:
    body, repack = files[name], name.lower().endswith(".gz")
    if repack:
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, ValueError):  # its compression is what is wrong with it
            repack = False
    piece, steps = len(body) // 2, 0
    while piece and steps < _SHRINKING_STEPS_MAX:
        start = 0
        while start < len(body) and steps < _SHRINKING_STEPS_MAX:
            shorter = body[:start] + body[start + piece :]
            steps += 1
            if breaks({**files, name: gzip.compress(shorter, mtime=0) if repack else shorter}):
                body = shorter
            else:
                start += piece
        piece //= 2
    shortest = {**files, name: gzip.compress(body, mtime=0) if repack else body}
    return shortest if breaks(shortest) else files
