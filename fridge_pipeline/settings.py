"""The settings: everything the environment decides, read once and checked, with errors that name the variable."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from fridge_pipeline.addresses import SettingError, address_of, mail_server, stripe_base, web_address
from fridge_pipeline.calendar.hours import Hour, NotAnHourError
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Variance
from fridge_pipeline.catalogue.meters_file import read_catalogue
from fridge_pipeline.database.retention import KEEP_MONTHS_MIN
from fridge_pipeline.ingest.landing.objects import require_place_only
from fridge_pipeline.ingest.object_store.store import refuse_credentials
from fridge_pipeline.ingest.rules.location import Place, place_of
from fridge_pipeline.operations.channels import MailServer
from fridge_pipeline.secret_files import with_secrets
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY, ApiKey, KeyMode, require_allowed

#: The checkout: ``workspace.yaml``, ``dagster.yaml`` and ``dbt_like_sql/`` lie here.
REPOSITORY = Path(__file__).resolve().parents[1]

#: ``FRIDGE_HOME`` when it is not set.
DEFAULT_HOME = REPOSITORY / ".fridge"

#: The SQL models, one select a file.
MODELS_FOLDER = REPOSITORY / "dbt_like_sql"

DEFAULT_PARTITIONS_START = "2026-01-01-00:00"
DEFAULT_CLOSE_AFTER_MINUTES = 5
DEFAULT_MAX_IN_FLIGHT = 64
DEFAULT_STALE_HOURS = 3


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Who is told what; nobody of anything by default. The webhook's address is a secret."""

    webhook: str | None = field(default=None, repr=False)
    mail_server: MailServer | None = None
    sender: str = ""
    recipients: tuple[str, ...] = ()
    stale_after: timedelta = timedelta(hours=DEFAULT_STALE_HOURS)
    canary: bool = False


@dataclass(frozen=True)
class Settings:
    """What the environment says; see the table in README.md. Secrets show in no repr."""

    home: Path
    landing_uri: str
    archive: Place
    reports_url: str | None
    ui_url: str | None
    partitions_start: Hour
    bill_from: BillingStart | None
    close_after: timedelta
    max_in_flight: int
    stripe_rate: float | None
    stripe_base: str | None
    live_stripe_allowed: bool
    live_stripe_host: str | None
    meters_file: Path | None
    keep_months: int | None
    variance: Variance
    catalogue: tuple[Meter, ...]
    alerts: AlertSettings
    stripe_key: ApiKey | None = field(repr=False)
    database_url: str | None = field(repr=False)

    @property
    def uses_embedded_server(self) -> bool:
        """Whether the database is the embedded server under ``home``."""
        return self.database_url is None

    @property
    def uses_local_sandbox(self) -> bool:
        """Whether Stripe is the local sandbox that we start: neither a key nor another address is given."""
        return self.stripe_key is None and self.stripe_base is None

    @property
    def landing_is_default(self) -> bool:
        """Whether the landing zone is our own folder, which we make."""
        return self.landing_uri == str(self.home / "landing")

    @property
    def workspace(self) -> Path:
        """Where landing files are copied to while they are read."""
        return self.home / "work"

    def api_key(self) -> ApiKey:
        """The key to call Stripe with; raises ``LiveKeyRefusedError`` for a live one without the decisions."""
        return require_allowed(
            self.stripe_key or SANDBOX_KEY,
            self.stripe_base,
            live_allowed=self.live_stripe_allowed,
            live_host=self.live_stripe_host,
        )

    @property
    def key_mode(self) -> KeyMode:
        """Where calls to Stripe end up."""
        return (self.stripe_key or SANDBOX_KEY).mode

    def calls_per_second(self) -> float:
        """Stripe's limit for the key's mode, unless ``FRIDGE_STRIPE_RATE`` sets another."""
        return self.stripe_rate or (self.stripe_key or SANDBOX_KEY).calls_per_second


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment; an empty variable counts as unset, and a secret may come by file.

    Raises ``SettingError``, ``SecretFileError``, and ``LandingUriError`` for a landing URI that carries credentials.
    """
    given = with_secrets({name: value.strip() for name, value in environ.items() if value.strip()})
    home = Path(given.get("FRIDGE_HOME", DEFAULT_HOME)).expanduser().absolute()
    meters_file = Path(given["FRIDGE_METERS"]).expanduser().absolute() if "FRIDGE_METERS" in given else None
    landing_uri = given.get("FRIDGE_LANDING_URI", str(home / "landing"))
    require_place_only(landing_uri)  # it is shown in many places
    return Settings(
        home=home,
        landing_uri=landing_uri,
        archive=_archive(given.get("FRIDGE_ARCHIVE_URI"), home),
        reports_url=web_address(given, "FRIDGE_REPORTS_URL"),
        ui_url=web_address(given, "FRIDGE_UI_URL"),
        partitions_start=_hour(given, "FRIDGE_PARTITIONS_START", DEFAULT_PARTITIONS_START),
        bill_from=_bill_from(given.get("FRIDGE_BILL_FROM")),
        close_after=timedelta(
            minutes=_number(given, "FRIDGE_CLOSE_AFTER_MINUTES", DEFAULT_CLOSE_AFTER_MINUTES, least=0)
        ),
        max_in_flight=int(_number(given, "FRIDGE_MAX_IN_FLIGHT", DEFAULT_MAX_IN_FLIGHT, least=1)),
        stripe_rate=_number(given, "FRIDGE_STRIPE_RATE", 0, least=0.01) or None,
        stripe_base=stripe_base(given.get("STRIPE_API_BASE")),
        live_stripe_allowed=given.get("FRIDGE_ALLOW_LIVE_STRIPE") == "yes",
        live_stripe_host=given.get("FRIDGE_LIVE_STRIPE_HOST"),
        meters_file=meters_file,
        keep_months=int(_number(given, "FRIDGE_KEEP_MONTHS", 0, least=KEEP_MONTHS_MIN)) or None,
        variance=_variance(given.get("FRIDGE_VARIANCE", Variance.HOLD.value)),
        catalogue=_catalogue(meters_file),
        alerts=_alerts(given),
        stripe_key=_api_key(given.get("STRIPE_API_KEY")),
        database_url=_dsn(given.get("FRIDGE_DATABASE_URL")),
    )


def _api_key(given: str | None) -> ApiKey | None:
    """No text of an error holds what was given."""
    if given is None:
        return None
    foreign = next((number for number, each in enumerate(given, 1) if not "!" <= each <= "~"), None)
    if foreign is not None:
        raise SettingError(
            f"STRIPE_API_KEY: character {foreign} of {len(given)} is in no Stripe key; copy the key from Stripe again"
        )
    return ApiKey(given)


def _archive(given: str | None, home: Path) -> Place:
    """Where packs and reports are put; it is shown in many places."""
    try:
        refuse_credentials(given or "")
        place = place_of(given) if given is not None else home
    except ValueError as error:
        raise SettingError(f"FRIDGE_ARCHIVE_URI: {error}") from None
    return place.expanduser().absolute() if isinstance(place, Path) else place


def _alerts(given: Mapping[str, str]) -> AlertSettings:
    """No text of an error holds what was given: both addresses are secrets."""
    webhook, server = given.get("FRIDGE_ALERT_WEBHOOK"), given.get("FRIDGE_ALERT_SMTP")
    if webhook is not None and address_of("FRIDGE_ALERT_WEBHOOK", webhook).scheme not in {"http", "https"}:
        raise SettingError("FRIDGE_ALERT_WEBHOOK must be an http:// or https:// address")
    sender = given.get("FRIDGE_ALERT_FROM", "")
    recipients = tuple(each.strip() for each in given.get("FRIDGE_ALERT_TO", "").split(",") if each.strip())
    if server is not None and not (sender and recipients):
        raise SettingError(
            "FRIDGE_ALERT_SMTP needs FRIDGE_ALERT_FROM, an address, and FRIDGE_ALERT_TO, addresses with commas between"
        )
    return AlertSettings(
        webhook=webhook,
        mail_server=mail_server(server) if server is not None else None,
        sender=sender,
        recipients=recipients,
        stale_after=timedelta(hours=_number(given, "FRIDGE_ALERT_STALE_HOURS", DEFAULT_STALE_HOURS, least=0)),
        canary=given.get("FRIDGE_CANARY") == "yes",
    )


def _dsn(given: str | None) -> str | None:
    """The DSN as given; what PostgreSQL's own parser says of a wrong one repeats it, with the password."""
    try:
        conninfo_to_dict(given or "")
    except psycopg.ProgrammingError:
        raise SettingError(
            "FRIDGE_DATABASE_URL is no DSN that PostgreSQL can read; it is not shown here, because it may hold a "
            "password. Expected postgresql://user:password@host:port/name, with characters such as @, /, [ and % in "
            "the password as %40, %2F, %5B and %25"
        ) from None
    return given


def _variance(given: str) -> Variance:
    for choice in Variance:
        if given == choice.value:
            return choice
    raise SettingError(
        f"FRIDGE_VARIANCE must be {', '.join(list(Variance)[:-1])} or {list(Variance)[-1]}, got {given!r}"
    )


def _catalogue(file: Path | None) -> tuple[Meter, ...]:
    if file is None:
        return CATALOGUE
    try:
        with file.open("rb") as stream:
            return read_catalogue(tomllib.load(stream))
    except OSError as error:
        raise SettingError(f"FRIDGE_METERS: cannot read {file}: {error.strerror}") from error
    except ValueError as error:  # no TOML, no UTF-8, or no catalogue
        raise SettingError(f"FRIDGE_METERS: {file}: {error}") from error


def _bill_from(given: str | None) -> BillingStart | None:
    try:
        return BillingStart.from_text(given) if given is not None else None
    except NotAnHourError as error:
        raise SettingError(f"FRIDGE_BILL_FROM: {error}, or never") from error


def _hour(given: Mapping[str, str], name: str, default: str) -> Hour:
    try:
        return Hour.from_key(given.get(name, default))
    except NotAnHourError as error:
        raise SettingError(f"{name}: {error}") from error


def _number(given: Mapping[str, str], name: str, default: float, least: float) -> float:
    if name not in given:
        return default
    try:
        number = float(given[name])
    except ValueError:
        raise SettingError(f"{name} must be a number, got {given[name]!r}") from None
    if not least <= number < float("inf"):
        raise SettingError(f"{name} must be at least {least}, got {given[name]!r}")
    return number
