"""The auditor's table: for each way to tamper with packs or books, who notices it, and who does not.

Each is done to real books and real packs, which the approver has signed and an authority has stamped. Then everybody
looks, and exactly those who are named must notice. docs/evidence.md shows the same table.
"""

from __future__ import annotations

import csv
import io
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.calendar.days import DayRange, day_of
from fridge_pipeline.database.embedded.logins import SUPERUSER, ServerAddress
from fridge_pipeline.finance.anchor_evidence import stamp_pack
from fridge_pipeline.finance.pack.time_stamp import stamp_of
from fridge_pipeline.finance.packs_in_archive import FOLDER
from fridge_pipeline.finance.rules.evidence_format import DESCRIPTION, DoesNotHoldError
from fridge_pipeline.finance.verify_chain import verify_chain
from fridge_pipeline.finance.verify_evidence import Expected, manifest_sha256, verify_evidence
from fridge_pipeline.operations.check_health import check_packs
from fridge_pipeline.operations.rules.health_check import Grade
from fridge_pipeline.settings import REPOSITORY
from tests.conftest import KEPT, fresh_database
from tests.finance.evidence.books import FEBRUARY, HOURS, JANUARY, close, fill, made, packed, unpacked, with_manifest
from tests.finance.evidence.outside import TimeAuthority, list_signers, make_key, running_authority, signed
from tests.pipeline import Clock, Pipeline
from tests.sandbox_process import SandboxProcess
from tests.world import World

#: Who looks, in the order of the page.
POSTGRES = "PostgreSQL refuses it"
VERIFY, MONTH, HASH, ALL = "`fridge verify`", "`--month`", "`--manifest`", "`--all`"
SIGNERS, AUTHORITY = "`--signers`", "`--authority`"
DOCTOR, TESTS, KEPT_PACK, STRIPE = (
    "`fridge doctor`",
    "data tests",
    "the kept pack beside the books",
    "Stripe, read anew",
)
LOOKERS = (POSTGRES, VERIFY, MONTH, HASH, ALL, SIGNERS, AUTHORITY, DOCTOR, TESTS, KEPT_PACK, STRIPE)

#: One more reading of one tenant in an hour of January, in each table of ours that has a say in it.
ONE_MORE = """
update fridge.landing_files set row_count = row_count + 1, inserted_count = inserted_count + 1
where path = '2026-01-31/23/a.csv';
update fridge.landing_file_tenants set row_count = row_count + 1, inserted_count = inserted_count + 1
where tenant_id = 'cohoes'
    and file_id = (select file_id from fridge.landing_files where path = '2026-01-31/23/a.csv');
insert into fridge.stored_readings (recorded_at, temperature_c, sensor_key, file_id)
select recorded_at + interval '1 millisecond', temperature_c, sensor_key, file_id
from fridge.stored_readings
where file_id = (select file_id from fridge.landing_files where path = '2026-01-31/23/a.csv')
    and sensor_key in (select sensor_key from fridge.sensors where tenant_id = 'cohoes')
limit 1;
update fridge.usage set quantity = quantity + 1
where tenant_id = 'cohoes' and hour = '2026-01-31 23:00Z' and measure = 'inserted_count';
update fridge.meter_events set value = value + 1
where tenant_id = 'cohoes' and hour = '2026-01-31 23:00Z' and event_name = 'temperature_readings';
update fridge.stripe_reconciliation set usage_value = usage_value + 1, ledger_value = ledger_value + 1
where tenant_id = 'cohoes' and day = '2026-01-31' and event_name = 'temperature_readings';
"""
ONE_MORE_USAGE = """
update fridge.usage set quantity = quantity + 1
where tenant_id = 'cohoes' and hour = '2026-01-31 23:00Z' and measure = 'inserted_count';
"""
ONE_MORE_OF_STRIPE = """
update fridge.stripe_sums set quantity = quantity + 1
where tenant_id = 'cohoes' and hour = '2026-01-31 23:00Z' and event_name = 'temperature_readings';
update fridge.stripe_day_reads set quantity = quantity + 1
where tenant_id = 'cohoes' and day = '2026-01-31' and event_name = 'temperature_readings';
update fridge.stripe_reconciliation set stripe_value = stripe_value + 1
where tenant_id = 'cohoes' and day = '2026-01-31' and event_name = 'temperature_readings';
"""
#: What two people signed, and the sums that they signed with it.
ONE_MORE_SIGNED = """
update fridge.signed_hours set usage_quantity = usage_quantity + 1, stated_quantity = stated_quantity + 1,
    stripe_quantity = stripe_quantity + 1, derived_quantity = derived_quantity + 1, file_rows = file_rows + 1,
    inserted = inserted + 1
where tenant_id = 'cohoes' and hour = '2026-01-31 23:00Z' and meter = 'temperature_readings';
update fridge.month_signoffs set control_totals = (
    select jsonb_set(control_totals, '{meters,temperature_readings}', jsonb_object_agg(
        name, case when name in ('usage', 'stated', 'stripe') then to_jsonb(value::text::numeric + 1) else value end
    ))
    from jsonb_each(control_totals #> '{meters,temperature_readings}') as figures (name, value)
)
where action = 'prepare' and month = '2026-01-01';
"""


@dataclass(frozen=True)
class Outside:
    """What is not in the operator's hands: keys, the authority, and what the auditor has noted and kept."""

    keys: dict[str, Path]
    signers: Path
    authority: TimeAuthority
    noted: dict[str, str]  # month → hash of the manifest
    kept: Path


@dataclass(frozen=True)
class Scene:
    """Books and archive as a forger has them before him."""

    books: Pipeline
    superuser: ServerAddress
    archive: Path
    outside: Outside

    def pack(self, month: str) -> Path:
        """The pack in the archive."""
        return self.archive / FOLDER / f"{month}.zip"

    def as_superuser(self, statements: str) -> None:
        """Nothing refuses: no trigger fires."""
        name = str(conninfo_to_dict(self.books.database.dsn)["dbname"])
        with psycopg.connect(self.superuser.dsn(name)) as connection:
            connection.execute("set session_replication_role = replica")
            connection.execute(statements.encode())

    def refill(self) -> None:
        """The models, as the next run fills them."""
        self.books.run_models(HOURS[0], HOURS[-1])


def handed_out(scene: Scene, month: str, key: Path) -> None:
    """Signs and stamps a pack."""
    pack, authority = signed(scene.pack(month), key), scene.outside.authority
    stamp_of(pack).write_bytes(stamp_pack(pack, authority.url, authority.certificate)[1])


def rewritten(pack: Path, change: Callable[[dict[str, bytes]], dict[str, bytes]]) -> None:
    """Changes files of a pack in place."""
    month = JANUARY if pack.name.startswith(JANUARY.key) else FEBRUARY
    packed(pack, change(unpacked(pack)), month)


# ------------------------------------------------------------------------------------------------ what is done


def change_a_csv(scene: Scene) -> None:
    def change(files: dict[str, bytes]) -> dict[str, bytes]:
        return {**files, "tables/releases.csv": files["tables/releases.csv"] + b"\n"}

    rewritten(scene.pack("2026-01"), change)


def drop_a_file(scene: Scene) -> None:
    rewritten(
        scene.pack("2026-01"), lambda files: {name: files[name] for name in files if name != "tables/releases.csv"}
    )


def exchange_names(scene: Scene) -> None:
    for suffix in ("", ".sig", ".tsr"):
        one, other = (scene.archive / FOLDER / f"{month}.zip{suffix}" for month in ("2026-01", "2026-02"))
        between = one.rename(one.with_name("between"))
        other.rename(one)
        between.rename(other)


def hand_over_another_month(scene: Scene) -> None:
    """For January comes a copy of February, under a name that says no month."""
    for suffix in ("", ".sig", ".tsr"):
        (scene.archive / FOLDER / f"2026-01.zip{suffix}").unlink()
        shutil.copy(scene.archive / FOLDER / f"2026-02.zip{suffix}", scene.archive / FOLDER / f"pack.zip{suffix}")


def remove_the_first(scene: Scene) -> None:
    scene.pack("2026-01").unlink()


def remove_the_last(scene: Scene) -> None:
    scene.pack("2026-02").unlink()


def _without_releases(files: dict[str, bytes]) -> dict[str, bytes]:
    """A table less, with a pack.json and a manifest that fit."""
    described = json.loads(files[DESCRIPTION])
    described["files"] = [each for each in described["files"] if each["path"] != "tables/releases.csv"]
    rest = {name: body for name, body in files.items() if name != "tables/releases.csv"}
    return with_manifest({**rest, DESCRIPTION: json.dumps(described).encode()})


def fit_the_manifest_of_the_first(scene: Scene) -> None:
    rewritten(scene.pack("2026-01"), _without_releases)


def fit_the_manifest_of_the_last(scene: Scene) -> None:
    rewritten(scene.pack("2026-02"), _without_releases)


def sign_as_another(scene: Scene) -> None:
    signed(scene.pack("2026-02"), scene.outside.keys["mallory"])


def edit_as_the_pipeline(scene: Scene) -> None:
    scene.books.rows("update fridge.meter_events set value = value + 1 returning 1")


def edit_as_the_owner(scene: Scene) -> None:
    with scene.books.database.owned.connect() as connection:
        connection.execute("grant update on fridge.meter_events to current_user")
        connection.execute("update fridge.meter_events set value = value + 1")


def strike_a_pack_as_the_owner(scene: Scene) -> None:
    """It may switch triggers off and give itself rights: it owns the tables."""
    with scene.books.database.owned.connect() as connection:
        connection.execute("grant delete on fridge.evidence_packs to current_user")
        connection.execute("alter table fridge.evidence_packs disable trigger user")
        connection.execute("delete from fridge.evidence_packs where month = '2026-02-01'")
        connection.execute("alter table fridge.evidence_packs enable trigger user")


def edit_one_table(scene: Scene) -> None:
    scene.as_superuser(ONE_MORE_USAGE)
    scene.refill()


def edit_all_of_ours(scene: Scene) -> None:
    scene.as_superuser(ONE_MORE)
    scene.refill()


def edit_signed_hours(scene: Scene) -> None:
    scene.as_superuser(ONE_MORE_SIGNED.partition("update fridge.month_signoffs")[0])
    scene.refill()


def edit_all_books(scene: Scene) -> None:
    scene.as_superuser(ONE_MORE + ONE_MORE_OF_STRIPE)
    scene.refill()


def forge_everything(scene: Scene, key: str = "mallory") -> None:
    """All books, then packs made of them by our own program, which names them in an emptied register; newly stamped."""
    edit_all_books(scene)
    scene.as_superuser(f"{ONE_MORE_SIGNED} delete from fridge.evidence_packs")
    scene.refill()
    for month in (JANUARY, FEBRUARY):
        scene.pack(month.key).unlink()
        made(scene.books, month, scene.pack(month.key))
        handed_out(scene, month.key, scene.outside.keys[key])


def forge_everything_with_the_key(scene: Scene) -> None:
    forge_everything(scene, "grace")


#: What is done, in words; how; and who notices. First what leaves the books as they are.
TO_PACKS: dict[str, tuple[Callable[[Scene], None], set[str]]] = {
    "a CSV of a pack changed": (change_a_csv, {VERIFY}),
    "a file dropped from a pack": (drop_a_file, {VERIFY}),
    "two packs exchange their names": (exchange_names, {VERIFY}),
    "for one month the pack of another, under a name without a month": (
        hand_over_another_month,
        {MONTH, HASH, ALL, DOCTOR},
    ),
    "the first pack removed": (remove_the_first, {MONTH, HASH, ALL, DOCTOR}),
    "the last pack removed": (remove_the_last, {MONTH, HASH, DOCTOR}),
    "a table dropped, pack.json and manifest recomputed": (
        fit_the_manifest_of_the_first,
        {HASH, ALL, SIGNERS, AUTHORITY, DOCTOR},
    ),
    "the same in the last pack": (fit_the_manifest_of_the_last, {HASH, SIGNERS, AUTHORITY, DOCTOR}),
    "signed by somebody else": (sign_as_another, {SIGNERS}),
}
TO_BOOKS: dict[str, tuple[Callable[[Scene], None], set[str]]] = {
    "books edited by the pipeline's login": (edit_as_the_pipeline, {POSTGRES}),
    "books edited as schema owner": (edit_as_the_owner, {POSTGRES}),
    "as schema owner, triggers off: a pack struck from the register": (strike_a_pack_as_the_owner, {DOCTOR}),
    "books edited as superuser, one table": (edit_one_table, {TESTS, KEPT_PACK}),
    "books edited as superuser, all tables of ours": (edit_all_of_ours, {TESTS, KEPT_PACK}),
    "books edited as superuser, the hours of a closed month as signed": (edit_signed_hours, {TESTS}),
    "books edited as superuser, Stripe's answers too": (edit_all_books, {KEPT_PACK, STRIPE}),
    "everything forged anew: books, register, packs, time stamps": (
        forge_everything,
        {HASH, SIGNERS, KEPT_PACK, STRIPE},
    ),
    "everything forged anew, with the approver's key": (
        forge_everything_with_the_key,
        {HASH, KEPT_PACK, STRIPE},
    ),
}
TAMPERING = {**TO_PACKS, **TO_BOOKS}


# ------------------------------------------------------------------------------------------------ who looks


def holds(pack: Path, **expected: object) -> bool:
    try:
        list(verify_evidence(pack, expected=Expected(**expected)))  # type: ignore[arg-type]
    except DoesNotHoldError:
        return False
    return True


def whoever_verifies_notices(scene: Scene) -> set[str]:
    """By a pack alone, or else by what is known from elsewhere."""
    packs = sorted((scene.archive / FOLDER).glob("*.zip"))
    if not all(holds(pack) for pack in packs):
        return {VERIFY}
    outside, found = scene.outside, set()
    if not all(any(holds(pack, month=month) for pack in packs) for month in outside.noted):
        found.add(MONTH)
    if not all(any(holds(pack, manifest_sha256=sha) for pack in packs) for sha in outside.noted.values()):
        found.add(HASH)
    if not all(holds(pack, signers=outside.signers) for pack in packs):
        found.add(SIGNERS)
    if not all(holds(pack, authority=outside.authority.certificate) for pack in packs):
        found.add(AUTHORITY)
    try:
        list(verify_chain(scene.archive / FOLDER, Expected()))
    except DoesNotHoldError:
        found.add(ALL)
    return found


def doctor_notices(scene: Scene) -> set[str]:
    checks = check_packs(scene.books.database, scene.archive, scene.books.clock())
    return {DOCTOR} if any(check.grade is not Grade.OK for check in checks) else set()


def whoever_looks_at_the_books_notices(scene: Scene) -> set[str]:
    """None of them is shown the archive."""
    books, found = scene.books, set()
    if books.failing_tests():
        found.add(TESTS)
    kept = {
        (row["tenant_id"], row["meter"]): int(row["quantity"])
        for row in csv.DictReader(io.StringIO(unpacked(scene.outside.kept)["tables/usage_monthly.csv"].decode()))
    }
    now = books.rows(
        "select tenant_id, meter, quantity from fridge.usage_monthly where usage_month = %s", JANUARY.first_day
    )
    if kept != {(tenant, meter): quantity for tenant, meter, quantity in now}:
        found.add(KEPT_PACK)
    if TESTS not in found:
        read_stripe(books)
        if books.failing_tests():
            found.add(STRIPE)
    return found


def read_stripe(books: Pipeline) -> None:
    """Reads it for all days, as the daily reconciliation does."""
    days = DayRange(day_of(HOURS[0]), day_of(HOURS[-1]))
    books.reconcile(days)
    books.run_models(HOURS[0], HOURS[-1])


# ------------------------------------------------------------------------------------------------ the scene


@pytest.fixture(scope="module")
def original(
    world: World,
    shared_sandbox: SandboxProcess,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Two closed months, compared with Stripe, packed, signed and stamped; nobody is connected to its database."""
    folder = tmp_path_factory.mktemp("scene")
    shared_sandbox.reset()
    keys = {person: make_key(folder, person) for person in ("grace", "mallory")}
    signers = list_signers(folder / "signers", keys["grace"])
    with running_authority(folder) as authority, fresh_database(world.address) as database:
        books = Pipeline(database, shared_sandbox, folder / "landing", folder / "work", Clock(datetime.now(UTC)))
        fill(books)
        books.advance(hours=8)
        read_stripe(books)
        assert books.failing_tests() == set()
        outside = Outside(keys, signers, authority, {}, folder / "kept.zip")
        superuser = world.signed_in(SUPERUSER)
        scene = Scene(books, superuser, folder / "archive", outside)
        for month in (JANUARY, FEBRUARY):
            close(books, month)
            made(books, month, scene.pack(month.key))
            handed_out(scene, month.key, keys["grace"])
            outside.noted[month.key] = manifest_sha256(scene.pack(month.key))
        shutil.copy(scene.pack("2026-01"), outside.kept)
        name = str(conninfo_to_dict(database.dsn)["dbname"])
        KEPT.end(name)
        KEPT.keep(name)
        yield scene


@pytest.fixture
def scene(original: Scene, server: ServerAddress, tmp_path: Path) -> Iterator[Scene]:
    """A copy of it, to be tampered with."""
    shutil.copytree(original.archive, tmp_path / "archive")
    template = str(conninfo_to_dict(original.books.database.dsn)["dbname"])
    with fresh_database(server, template) as database:
        clock = Clock(original.books.clock())
        yield replace(
            original, books=replace(original.books, database=database, clock=clock), archive=tmp_path / "archive"
        )


def test_nobody_notices_anything_where_nothing_was_done(scene: Scene) -> None:
    assert whoever_verifies_notices(scene) | doctor_notices(scene) == set()
    assert whoever_looks_at_the_books_notices(scene) == set()


@pytest.mark.parametrize("done", TAMPERING)
def test_exactly_those_notice_who_are_said_to(scene: Scene, done: str) -> None:
    tamper, expected = TAMPERING[done]
    try:
        tamper(scene)
    except psycopg.Error:
        found = {POSTGRES}
    else:
        found = whoever_verifies_notices(scene) | doctor_notices(scene)
        if done in TO_BOOKS:
            found |= whoever_looks_at_the_books_notices(scene)
    assert found == expected


def test_the_page_shows_the_same_table() -> None:
    page = (REPOSITORY / "docs" / "evidence.md").read_text(encoding="utf-8")
    lines = [
        f"| {done} | {', '.join(looker for looker in LOOKERS if looker in found)} |"
        for done, (_, found) in TAMPERING.items()
    ]
    table = "\n".join(["| what was done | who notices |", "|---|---|", *lines, ""])
    assert table in page, f"docs/evidence.md does not hold:\n{table}"
