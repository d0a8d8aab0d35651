"""What is read of Stripe: totals, error reports, whose a key is and what it may do, pages of its dashboard."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from fridge_pipeline.calendar.hours import Hour, HourRange
from fridge_pipeline.stripe.gateway import StripeCallError, StripeGateway
from fridge_pipeline.stripe.paging import paged
from fridge_pipeline.stripe.rules.answer import ErrorReport, ErrorSample
from fridge_pipeline.stripe.rules.api_key import STRIPE_API, KeyMode
from fridge_pipeline.stripe.rules.limits import CLOCKS_APART, PAGE_SIZE


class Grouping(StrEnum):
    """By what Stripe adds up; its ``value_grouping_window``."""

    HOUR = "hour"
    DAY = "day"


def summed_usage(
    gateway: StripeGateway,
    event_name: str,
    customer_id: str,
    hours: HourRange,
    grouping: Grouping = Grouping.HOUR,
    count_read: Callable[[], None] = lambda: None,
) -> Mapping[Hour, Decimal]:
    """Stripe's totals by the first hour of each hour or UTC day, those without usage left out; eventually consistent.

    Of a meter that was made anew together with those that had the event name in these hours: each may be on a price.
    ``count_read`` is called before each read, also one that fails; a read holds a hundred totals. Grouped by day, the
    hours have to be whole days. Raises ``StripeCallError`` and ``MeterMissingError``.
    """
    meter, asked = gateway.known_meter(event_name), _asked(customer_id, hours, grouping)
    until = meter.others_until
    others = meter.others if until is not None and until >= hours.first.start else ()
    summed: dict[Hour, Decimal] = {}
    for meter_id in (meter.meter_id, *(other.meter_id for other in others)):
        for hour, value in _sums(gateway, meter_id, event_name, asked, count_read).items():
            summed[hour] = summed.get(hour, Decimal(0)) + value
    return summed


class MeterSums(NamedTuple):
    """Sums of one meter by the hour; ``until`` is when it was deactivated, ``None`` of the one that is in use."""

    until: datetime | None
    of_hours: Mapping[Hour, Decimal]


def summed_by_each_meter(
    gateway: StripeGateway,
    event_name: str,
    customer_id: str,
    hours: HourRange,
    count_read: Callable[[], None] = lambda: None,
) -> list[MeterSums]:
    """As ``summed_usage`` by the hour, of the meter that has the event name, and of each that had it before.

    They are listed anew. Raises ``StripeCallError`` and ``MeterMissingError``.
    """
    gateway.meters()
    meter, asked = gateway.known_meter(event_name), _asked(customer_id, hours, Grouping.HOUR)
    places = [(None, meter.meter_id), *((other.until, other.meter_id) for other in meter.others)]
    return [MeterSums(until, _sums(gateway, meter_id, event_name, asked, count_read)) for until, meter_id in places]


def add_up(sums: Iterable[MeterSums], whole_since: Mapping[Hour, datetime]) -> dict[Hour, Decimal]:
    """What all of them have together, hours of which none has anything left out.

    Of an hour that was sent whole at a time, what meters have that were deactivated before is on no price.
    """
    found: dict[Hour, Decimal] = {}
    for each in sums:
        for hour, value in each.of_hours.items():
            since = whole_since.get(hour)
            if since is None or each.until is None or since <= each.until + CLOCKS_APART:
                found[hour] = found.get(hour, Decimal(0)) + value
    return found


def _asked(customer_id: str, hours: HourRange, grouping: Grouping) -> dict[str, str | int]:
    return {
        "customer": customer_id,
        "start_time": int(hours.first.start.timestamp()),
        "end_time": int(hours.last.end.timestamp()),
        "value_grouping_window": grouping.value,
    }


def _sums(
    gateway: StripeGateway,
    meter_id: str,
    event_name: str,
    asked: Mapping[str, str | int],
    count_read: Callable[[], None] = lambda: None,
) -> Mapping[Hour, Decimal]:
    doing, summaries = f"reading summaries of {event_name}", lambda client: client.billing.meters.event_summaries.list
    return {
        Hour.from_unix(each["start_time"]): Decimal(str(each["aggregated_value"]))
        for page in paged(gateway, doing, summaries, asked, count_read, meter_id)
        for each in page
    }


ERROR_REPORT_TRIGGERED = "v1.billing.meter.error_report_triggered"
NO_METER_FOUND = "v1.billing.meter.no_meter_found"


def error_reports(gateway: StripeGateway, since: datetime) -> list[ErrorReport]:
    """Every report created since then, the oldest first; one read for every hundred.

    Raises ``StripeCallError``.
    """
    with gateway.reading("reading the reports of refused events") as client:
        page = client.v2.core.events.list(
            {
                "types": [ERROR_REPORT_TRIGGERED, NO_METER_FOUND],
                "created": {"gte": since.isoformat()},
                "limit": PAGE_SIZE,
            }
        )
        events = [event.to_dict() for event in page.auto_paging_iter()]
    return sorted((_read(event, gateway) for event in events), key=lambda report: (report.created_at, report.report_id))


def _read(event: dict[str, Any], gateway: StripeGateway) -> ErrorReport:
    data, meter = event["data"], event.get("related_object")
    meter_id = meter["id"] if meter else None
    return ErrorReport(
        report_id=event["id"],
        type=event["type"],
        created_at=datetime.fromisoformat(event["created"]),
        validation_start=datetime.fromisoformat(data["validation_start"]),
        validation_end=datetime.fromisoformat(data["validation_end"]),
        meter_id=meter_id,
        event_name=gateway.event_name_of(meter_id) if meter_id else None,
        error_count=data["reason"]["error_count"],
        samples=tuple(
            ErrorSample(sample["request"]["identifier"], kind["code"], sample["error_message"])
            for kind in data["reason"]["error_types"]
            for sample in kind["sample_errors"]
        ),
    )


#: No customer of anybody: a key that may read summaries is told so, one that may not is refused before.
NOBODY = "cus_nobody"

#: A date of HTTP has whole seconds: on average it is half of one behind.
HALF_SECOND = timedelta(milliseconds=500)


def stripe_clock(gateway: StripeGateway) -> datetime | None:
    """The date of an answer; ``None`` where there is none, as behind some proxies. Raises ``StripeCallError``."""
    with gateway.reading("reading the time") as client:
        answer = client.raw_request("get", "/v1/billing/meters", limit=1)
    told = (answer.headers or {}).get("date")
    return parsedate_to_datetime(told) + HALF_SECOND if told else None


def require_answer(gateway: StripeGateway) -> None:
    """One small read that is not tried again. Raises ``StripeCallError`` when Stripe does not answer, or refuses."""
    with gateway.reading("asking whether it answers") as client:
        client.raw_request("get", "/v1/billing/meters", limit=1, max_network_retries=0)


def refused_reads(gateway: StripeGateway, event_names: list[str]) -> Iterator[str]:
    """The permissions that the key lacks, of those that can be tried without writing. Raises ``StripeCallError``."""
    tries: dict[str, Callable[[], None]] = {
        "Billing meters: read": lambda: _read_summaries(gateway, event_names),
        "Events: read": lambda: _read_events(gateway),
    }
    for permission, attempt in tries.items():
        try:
            attempt()
        except StripeCallError as error:
            if error.is_key_refused:
                yield permission
            elif not error.reached:
                raise


def _read_summaries(gateway: StripeGateway, event_names: list[str]) -> None:
    known = gateway.meters()
    for meter in (known[name] for name in event_names[:1] if name in known):
        with gateway.reading("trying to read summaries") as client:
            client.v1.billing.meters.event_summaries.list(
                meter.meter_id, {"customer": NOBODY, "start_time": 0, "end_time": 3600, "limit": 1}
            )


def _read_events(gateway: StripeGateway) -> None:
    with gateway.reading("trying to read events") as client:
        client.v2.core.events.list({"types": [ERROR_REPORT_TRIGGERED], "limit": 1})


#: Stripe's own guides link to .../meters and, for test mode, .../test/meters
#: (docs.stripe.com/billing/subscriptions/usage-based/recording-usage); a meter's page has its id behind it.
PAGES = {
    KeyMode.LIVE: "https://dashboard.stripe.com/meters",
    KeyMode.TEST: "https://dashboard.stripe.com/test/meters",
}


def dashboard_of_meters(gateway: StripeGateway) -> dict[str, str]:
    """The page of each meter that the gateway has read, by event name; none for a sandbox. Calls nobody."""
    page = PAGES.get(gateway.mode)
    if page is None or gateway.base != STRIPE_API:
        return {}
    return {name: f"{page}/{meter.meter_id}" for name, meter in sorted(gateway.meters_read.items())}


def host_of(gateway: StripeGateway) -> str:
    """The host that is called, with its port where it has one."""
    return urlsplit(gateway.base).netloc.rpartition("@")[2]


def account_id(gateway: StripeGateway) -> str | None:
    """Stripe's id of the account, asked once; ``None`` on the sandbox, which has none, and where Stripe does not say.

    A key that may not read its account, and a Stripe that does not answer, are no reason not to bill.
    """
    if gateway.mode is KeyMode.SANDBOX:
        return None
    try:
        with gateway.reading("reading the account") as client:
            return client.v1.accounts.retrieve_current().id
    except StripeCallError:
        return None
