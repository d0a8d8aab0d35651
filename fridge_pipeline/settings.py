"""The settings: everything the environment decides, read once and checked. Each variable is a field of one model.

README's table and a page of the reference are made from it (`make docs`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, PlainValidator, ValidationError, model_validator
from pydantic_core import ErrorDetails

from fridge_pipeline import setting_places
from fridge_pipeline import setting_values as values
from fridge_pipeline.calendar.hours import Hour
from fridge_pipeline.catalogue.billing_start import BillingStart
from fridge_pipeline.catalogue.measure import Measure
from fridge_pipeline.catalogue.meter import CATALOGUE, Meter, Variance
from fridge_pipeline.database.retention import KEEP_MONTHS_MIN
from fridge_pipeline.ingest.rules.source import Source
from fridge_pipeline.invoices.rules.hold_draft import InvoiceMode
from fridge_pipeline.operations.channels import MailServer
from fridge_pipeline.secret_files import FILE_SUFFIX, with_secrets
from fridge_pipeline.setting_places import Places
from fridge_pipeline.setting_values import variable
from fridge_pipeline.stripe.rules import limits
from fridge_pipeline.stripe.rules.api_key import SANDBOX_KEY, ApiKey, KeyMode, require_allowed

REPOSITORY, DEFAULT_HOME = setting_places.REPOSITORY, setting_places.DEFAULT_HOME

#: The SQL models, one select a file.
MODELS_FOLDER = REPOSITORY / "dbt_like_sql"

DEFAULT_MAX_IN_FLIGHT = 64

#: How the credentials of object stores begin; their client reads more of them than we name.
STORE_PREFIXES = ("AWS_", "AZURE_", "GOOGLE_")


class SettingError(ValueError):
    """Environment variables hold what they cannot mean: one line each."""


class Settings(Places):
    """What the environment says. Secrets show in no repr."""

    partitions_start: Annotated[Hour, PlainValidator(values.grid_start)] = variable(
        "FRIDGE_PARTITIONS_START",
        values.GRID_START,
        "first hour that Dagster shows; `first` is the first hour that has a landing file",
        shown="`2026-01-01-00:00`; `first` for `fridge up`",
    )
    bill_from: Annotated[BillingStart | None, PlainValidator(values.billing_start)] = variable(
        "FRIDGE_BILL_FROM",
        None,
        "first hour that is billed, or `never`; earlier hours are only counted: [shadow mode](shadow-mode.md)",
        shown="the last recorded value; else every hour",
    )
    close_after: Annotated[timedelta, PlainValidator(values.minutes)] = variable(
        "FRIDGE_CLOSE_AFTER_MINUTES",
        timedelta(minutes=5),
        "minutes after the end of an hour until it is closed, and billed",
        shown="5",
    )
    max_in_flight: Annotated[int, PlainValidator(values.whole(1))] = variable(
        "FRIDGE_MAX_IN_FLIGHT", DEFAULT_MAX_IN_FLIGHT, "calls to Stripe at the same time"
    )
    #: The sources of the file of ``FRIDGE_SOURCES``; before the meters, whose measures may be of what sources keep.
    sources: Annotated[tuple[Source, ...], PlainValidator(values.sources)] = Field(
        (), validation_alias="FRIDGE_SOURCES"
    )
    meters_file: Annotated[Path | None, PlainValidator(values.absolute)] = variable(
        "FRIDGE_METERS",
        None,
        "a TOML file with other [meters](meters.md), and measures of your own",
        shown="two meters",
    )
    catalogue: Annotated[tuple[Meter, ...], PlainValidator(values.catalogue)] = Field(
        CATALOGUE, validation_alias="FRIDGE_METERS"
    )
    #: The measures that file declares, besides those that are always there.
    measures: Annotated[tuple[Measure, ...], PlainValidator(values.measures)] = Field(
        (), validation_alias="FRIDGE_METERS"
    )
    sources_file: Annotated[Path | None, PlainValidator(values.absolute)] = variable(
        "FRIDGE_SOURCES",
        None,
        "a TOML file that says how to read what gateways deliver: [sources](sources.md)",
        shown="every file has the canonical columns",
    )
    keep_months: Annotated[int | None, PlainValidator(values.whole(KEEP_MONTHS_MIN, values.MONTHS_MOST))] = variable(
        "FRIDGE_KEEP_MONTHS",
        None,
        f"whole months of readings to keep besides the current one, at least {KEEP_MONTHS_MIN}: "
        "[The disk fills up](operations.md#the-disk-fills-up)",
        shown="all readings are kept",
    )
    variance: Annotated[Variance | None, PlainValidator(values.one_of(Variance))] = variable(
        "FRIDGE_VARIANCE",
        None,
        "what to do with usage far above its tenant's own history: `hold` it until `fridge release`, `warn`, or `off`",
        shown="the last `fridge variance`; `hold`",
    )
    person_password_file: Annotated[Path | None, PlainValidator(values.absolute)] = variable(
        "FRIDGE_PERSON_PASSWORD_FILE",
        None,
        "a file of mode 0600 with the password of `--as LOGIN`: [Acting as a person](security.md#acting-as-a-person)",
        shown="commands ask for it",
    )
    invoices: Annotated[InvoiceMode, PlainValidator(values.one_of(InvoiceMode))] = variable(
        "FRIDGE_INVOICES",
        InvoiceMode.WATCH,
        "`watch` compares Stripe's invoices with usage; `hold` also keeps drafts open until their hours are delivered: "
        "[Holding drafts](operations.md#holding-drafts); `off`",
    )
    invoice_hold: Annotated[timedelta, PlainValidator(values.hours)] = variable(
        "FRIDGE_INVOICE_HOLD_HOURS",
        timedelta(hours=48),
        "for `hold`: the longest hold of a draft, in hours after the end of its period",
        shown="48",
    )
    alert_webhook: Annotated[str | None, PlainValidator(values.webhook)] = variable(
        "FRIDGE_ALERT_WEBHOOK",
        None,
        'where [alerts](operations.md#alerts) go: a web address that accepts Slack\'s `{"text": …}`',
        shown="none",
        secret=True,
    )
    alert_mail_server: Annotated[MailServer | None, PlainValidator(values.mail_server)] = variable(
        "FRIDGE_ALERT_SMTP",
        None,
        "alerts by mail: `smtp://user:password@host:port`, `smtps://…`; needs the two below",
        shown="none",
        secret=True,
    )
    alert_sender: str = variable("FRIDGE_ALERT_FROM", "", "sender of this mail", shown="none")
    alert_recipients: Annotated[tuple[str, ...], PlainValidator(values.recipients)] = variable(
        "FRIDGE_ALERT_TO", (), "recipients of this mail, with commas between", shown="none"
    )
    stale_after: Annotated[timedelta, PlainValidator(values.hours)] = variable(
        "FRIDGE_ALERT_STALE_HOURS",
        timedelta(hours=3),
        "hours that a closed hour may stay undelivered before an alert is sent",
        shown="3",
    )
    canary: Annotated[bool, PlainValidator(values.is_yes)] = variable(
        "FRIDGE_CANARY",
        default=False,
        meaning="`yes` delivers a known batch each hour, and sends an alert when it does not reach Stripe",
        shown="`no`",
    )
    stripe_key: Annotated[ApiKey | None, PlainValidator(values.api_key)] = variable(
        "STRIPE_API_KEY", None, "the key for calls to Stripe", shown="none: a sandbox on this machine", secret=True
    )
    stripe_base: Annotated[str | None, PlainValidator(values.stripe_base)] = variable(
        "STRIPE_API_BASE",
        None,
        "another address for all Stripe traffic, a proxy or a sandbox: `https://`, or `http://` on this machine",
        shown="Stripe",
    )
    stripe_rate: Annotated[float | None, PlainValidator(values.between(0.01))] = variable(
        "FRIDGE_STRIPE_RATE",
        None,
        "calls to Stripe per second",
        shown=f"{limits.LIVE_CALLS_PER_SECOND:,} with a live key, {limits.TEST_CALLS_PER_SECOND} with a test key, "
        f"{limits.SANDBOX_CALLS_PER_SECOND:,} on the sandbox",
    )
    stripe_reads: Annotated[int, PlainValidator(values.whole(1))] = variable(
        "FRIDGE_STRIPE_READS", limits.READS_MAX, "most reads of Stripe in 30 days", shown=f"{limits.READS_MAX:,}"
    )
    live_stripe_allowed: Annotated[bool, PlainValidator(values.is_yes)] = variable(
        "FRIDGE_ALLOW_LIVE_STRIPE", default=False, meaning="`yes` lets a live key bill real customers", shown="`no`"
    )
    live_stripe_host: str | None = variable(
        "FRIDGE_LIVE_STRIPE_HOST",
        None,
        "repeats host and port of `STRIPE_API_BASE` to allow a live key there: that host receives the key",
        shown="Stripe's own",
    )

    @model_validator(mode="after")
    def _mail_has_both_ends(self) -> Self:
        if self.alert_mail_server is not None and not (self.alert_sender and self.alert_recipients):
            raise ValueError(
                "FRIDGE_ALERT_SMTP: needs FRIDGE_ALERT_FROM, an address, and FRIDGE_ALERT_TO, addresses with commas "
                "between"
            )
        return self

    @property
    def uses_local_sandbox(self) -> bool:
        """Whether Stripe is the local sandbox that we start: neither a key nor another address is given."""
        return self.stripe_key is None and self.stripe_base is None

    @property
    def sends_alerts(self) -> bool:
        """Whether anybody is told of what is wrong."""
        return bool(self.alert_webhook or self.alert_mail_server)

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


#: The variables that hold a secret: a key, or an address with a password or a token in it.
SECRETS = tuple(f"{field.validation_alias}" for field in Settings.model_fields.values() if not field.repr)


def read_settings(environ: Mapping[str, str]) -> Settings:
    """The settings in an environment; an empty variable counts as unset, and a secret may come by file.

    Raises ``SettingError`` with a line for each wrong variable, and ``SecretFileError``.
    """
    given = with_secrets({name: value.strip() for name, value in environ.items() if value.strip()}, SECRETS)
    try:
        return Settings.model_validate(given)
    except ValidationError as refused:
        problems = refused.errors(include_url=False, include_input=False)
    # Outside of the block: pydantic's error holds what was given, and a traceback would show it.
    # A default that follows from home is not at fault when home is.
    wrong = [problem for problem in problems if problem["type"] != "default_factory_not_called"]
    # Each once: two fields are made of FRIDGE_METERS, and two of FRIDGE_SOURCES.
    raise SettingError("\n".join(dict.fromkeys(map(_in_our_words, wrong))))


def _in_our_words(problem: ErrorDetails) -> str:
    text = f"{problem.get('ctx', {}).get('error', problem['msg'])}"
    return f"{problem['loc'][0]}: {text}" if problem["loc"] else text


def without_secrets(environ: Mapping[str, str], *, keep: Sequence[str] = ()) -> dict[str, str]:
    """The variables for a child process that needs no secret but those to ``keep``, given by file or not."""
    secrets = {name + suffix for name in SECRETS if name not in keep for suffix in ("", FILE_SUFFIX)}
    return {
        name: value for name, value in environ.items() if name not in secrets and not name.startswith(STORE_PREFIXES)
    }
