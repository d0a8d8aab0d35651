"""Every environment variable that the program reads, in words; `make docs` writes a page of them."""

from __future__ import annotations

from dataclasses import dataclass

from fridge_pipeline.catalogue.meter import Variance
from fridge_pipeline.database.retention import KEEP_MONTHS_MIN
from fridge_pipeline.settings import (
    DEFAULT_CLOSE_AFTER_MINUTES,
    DEFAULT_MAX_IN_FLIGHT,
    DEFAULT_PARTITIONS_START,
    DEFAULT_STALE_HOURS,
)
from fridge_pipeline.stripe.rules.limits import LIVE_CALLS_PER_SECOND, SANDBOX_CALLS_PER_SECOND, TEST_CALLS_PER_SECOND


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; ``default`` is what holds when it is unset or empty, ``secret`` that its value shows nowhere."""

    name: str
    default: str
    meaning: str
    secret: bool = False


VARIABLES = (
    Variable(
        "FRIDGE_HOME", "`.fridge/` in the checkout", "the folder of everything the program writes: database, logs, runs"
    ),
    Variable(
        "FRIDGE_DATABASE_URL",
        "an embedded PostgreSQL in `FRIDGE_HOME`",
        "`postgresql://user:password@host:port/name`; nothing is started then",
        secret=True,
    ),
    Variable(
        "FRIDGE_LANDING_URI",
        "`FRIDGE_HOME/landing`",
        "the landing root: a folder, `file://…`, or `s3://bucket/prefix`; one that holds credentials is refused",
    ),
    Variable(
        "FRIDGE_ARCHIVE_URI",
        "`FRIDGE_HOME`",
        "where the assets put evidence packs and reports: a folder, `file://…`, or `s3://bucket/prefix`",
    ),
    Variable(
        "FRIDGE_REPORTS_URL",
        "",
        "the web address under which the archive's folder `reports` is served; the UI's links to reports lead there. "
        "`fridge up` serves it itself",
    ),
    Variable(
        "FRIDGE_UI_URL",
        "",
        "the web address at which people open the Dagster UI through a proxy: it answers under that name too, and "
        "alerts of failed runs link to the run there. `fridge up` knows its own",
    ),
    Variable(
        "FRIDGE_PARTITIONS_START",
        f"`{DEFAULT_PARTITIONS_START}`",
        "first hour of the partition grid, which sensor, schedule and UI look at",
    ),
    Variable(
        "FRIDGE_BILL_FROM",
        "what the books were told last; if nothing, every hour",
        "first hour that is billed, or `never`: earlier ones are counted and never stated: "
        "[shadow-mode.md](../shadow-mode.md)",
    ),
    Variable(
        "FRIDGE_CLOSE_AFTER_MINUTES",
        f"{DEFAULT_CLOSE_AFTER_MINUTES}",
        "an hour is closed, and billed, when so many minutes have passed since its end",
    ),
    Variable("FRIDGE_MAX_IN_FLIGHT", f"{DEFAULT_MAX_IN_FLIGHT}", "calls to Stripe at the same time"),
    Variable(
        "FRIDGE_METERS",
        "two meters that sum within the hour",
        "a TOML file with other meters: [meters.md](../meters.md)",
    ),
    Variable(
        "FRIDGE_KEEP_MONTHS",
        "all readings are kept",
        f"whole months of readings to keep besides the current one, at least {KEEP_MONTHS_MIN}",
    ),
    Variable(
        "FRIDGE_VARIANCE",
        f"`{Variance.HOLD.value}`",
        f"usage far above its tenant's own history: {', '.join(f'`{each.value}`' for each in Variance)}",
    ),
    Variable(
        "FRIDGE_ALERT_WEBHOOK",
        "none",
        'an `http://` or `https://` address that takes Slack\'s `{"text": …}`',
        secret=True,
    ),
    Variable(
        "FRIDGE_ALERT_SMTP",
        "none",
        "`smtp://user:password@host:port`, `smtps://…`; needs the two below",
        secret=True,
    ),
    Variable("FRIDGE_ALERT_FROM", "none", "the address that mail comes from"),
    Variable("FRIDGE_ALERT_TO", "none", "the addresses that mail goes to, with commas between"),
    Variable(
        "FRIDGE_ALERT_STALE_HOURS", f"{DEFAULT_STALE_HOURS}", "so many hours a closed hour may be seen undelivered"
    ),
    Variable(
        "FRIDGE_CANARY", "`no`", "`yes` lands a known batch each hour and tells when it does not arrive in Stripe"
    ),
    Variable("STRIPE_API_KEY", "none: a sandbox on this machine", "the key to call Stripe with", secret=True),
    Variable(
        "STRIPE_API_BASE",
        "Stripe",
        "another address for all Stripe traffic, a proxy or a sandbox: `https://`, or `http://` on this machine",
    ),
    Variable(
        "FRIDGE_STRIPE_RATE",
        f"{LIVE_CALLS_PER_SECOND:,} with a live key, {TEST_CALLS_PER_SECOND} with a test key, "
        f"{SANDBOX_CALLS_PER_SECOND:,} on the sandbox",
        "calls to Stripe per second",
    ),
    Variable("FRIDGE_ALLOW_LIVE_STRIPE", "`no`", "`yes` allows a live key, which bills real customers"),
    Variable(
        "FRIDGE_LIVE_STRIPE_HOST",
        "Stripe's own",
        "the host of `STRIPE_API_BASE`, with its port, when a live key is to go there: whoever answers has the key",
    ),
)

#: Read by the client of the object store, not by us; obstore knows more of them.
STORE_VARIABLES = (
    Variable("AWS_ACCESS_KEY_ID", "the role of machine or pod", "who opens `s3://…`"),
    Variable("AWS_SECRET_ACCESS_KEY", "the role of machine or pod", "the secret of it", secret=True),
    Variable("AWS_SESSION_TOKEN", "none", "the token of a temporary sign-in", secret=True),
    Variable("AWS_REGION", "as the store says", "the bucket's region"),
    Variable("AWS_ENDPOINT_URL", "Amazon's", "the address of another S3-compatible store"),
)
