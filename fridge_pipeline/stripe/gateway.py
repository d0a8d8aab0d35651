"""The one door to Stripe: the real SDK with explicit retries, timeouts and rate limit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any, NamedTuple

import stripe

from fridge_pipeline.catalogue.billing_start import EVERY_HOUR, BillingStart
from fridge_pipeline.catalogue.meter import Meter, Window
from fridge_pipeline.stripe.connections import Connections
from fridge_pipeline.stripe.retries import RateLimiter, Retries, Send, answer_to_error
from fridge_pipeline.stripe.rules.answer import Answer, Outcome
from fridge_pipeline.stripe.rules.api_key import STRIPE_API, ApiKey, stripe_location
from fridge_pipeline.stripe.rules.limits import PAGE_SIZE
from fridge_pipeline.stripe.rules.meter_event import MeterEvent

#: Seconds to connect, and to wait for an answer. The SDK's own default is 80 s for everything.
CONNECT_SECONDS, ANSWER_SECONDS = 5.0, 20.0

#: The SDK's own retries, set explicitly: none for what is billed, where every try is ours to space and to put into the
#: ledger (see ``retries.py``), and two for what only reads or is done once by a person.
RETRIES_OF_STATEMENTS = 0
RETRIES_OF_READS = 2


class StripeCallError(RuntimeError):
    """A call about meters, summaries or reports failed; ``reached`` says whether Stripe answered at all.

    ``is_key_refused`` says that it was the key that it did not take, or not for this; ``is_refused`` that Stripe has
    decided against what was asked, and nothing has happened; ``is_missing``, that it has no such object.
    """

    def __init__(
        self,
        text: str,
        *,
        reached: bool,
        is_key_refused: bool = False,
        is_refused: bool = False,
        is_missing: bool = False,
    ) -> None:
        super().__init__(text)
        self.reached = reached
        self.is_key_refused = is_key_refused
        self.is_refused = is_refused
        self.is_missing = is_missing


class NotBilledError(RuntimeError):
    """An hour before the billing start was about to be stated; staging and the ledger have refused it before."""


class MeterMissingError(LookupError):
    """Stripe has no active meter of this event name; ``fridge stripe setup`` makes it."""


class OtherMeter(NamedTuple):
    """An inactive meter of an event name that another has: what was sent before it was deactivated may be its."""

    meter_id: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class StripeMeter:
    """A meter as it stands in Stripe.

    ``others`` are inactive ones of the same event name, and ``others_until`` is when the last of them was deactivated.
    """

    meter_id: str
    event_name: str
    formula: str
    window: str
    active: bool
    customer_key: str
    value_key: str
    deactivated_at: datetime | None = None
    others: tuple[OtherMeter, ...] = ()
    others_until: datetime | None = None

    def disagreements(self, meter: Meter) -> list[str]:
        """In what it differs from the catalogue; only ``display_name`` could be changed in Stripe."""
        pairs = {
            "formula": (self.formula, meter.formula.value),
            "window": (self.window, meter.window.value),
            "customer key": (self.customer_key, "stripe_customer_id"),
            "value key": (self.value_key, "value"),
        }
        found = [
            f"{name} is {here!r} in Stripe, {want!r} in the catalogue"
            for name, (here, want) in pairs.items()
            if here != want
        ]
        return found if self.active else [*found, "the meter is inactive in Stripe"]


class StripeGateway:
    """Calls Stripe (or whatever answers at ``base``); may be shared by threads, and none of its texts hold the key."""

    def __init__(
        self,
        key: ApiKey,
        base: str | None,
        limiter: RateLimiter,
        billing_start: BillingStart = EVERY_HOUR,
    ) -> None:
        stripe.enable_telemetry = False  # it would write a random id into the user's home
        self.base = base or STRIPE_API
        self.mode = key.mode
        self._key = key
        self._billing_start = billing_start
        self._limiter = limiter
        self._client = stripe.StripeClient(
            key.secret,
            base_addresses={"api": self.base, "meter_events": self.base} if base else {},
            max_network_retries=RETRIES_OF_READS,
            http_client=Connections(self.base, CONNECT_SECONDS, ANSWER_SECONDS),
        )
        self._meters: dict[str, StripeMeter] | None = None
        self._retries = Retries(limiter)

    @property
    def location(self) -> str:
        """Where usage goes, to show to people."""
        return stripe_location(self.mode, self.base)

    @property
    def calls_per_second(self) -> float:
        """How often Stripe is called at most."""
        return self._limiter.calls_per_second

    def hold_back(self, seconds: float) -> None:
        """Calls nobody for so long."""
        if seconds > 0:
            self._limiter.hold_back(seconds)

    def state_usage(self, event: MeterEvent, is_futile: Callable[[], bool] = lambda: False) -> Answer:
        """Sends one meter event; the identifier is the same on every try of every attempt.

        ``is_futile`` is asked before a further try, when Stripe has not decided. Raises ``NotBilledError``, as
        cancelling does.
        """
        self._refuse_unbilled(event)

        def send(key: str) -> Answer:
            # Not ``v1.billing.meter_events.create``: it makes objects of the answer, a fifth of what a call costs.
            sent = self._client.raw_request(
                "post",
                "/v1/billing/meter_events",
                event_name=event.event_name,
                identifier=event.identifier,
                timestamp=int(event.timestamp.timestamp()),
                payload={"stripe_customer_id": event.stripe_customer_id, "value": str(event.value)},
                idempotency_key=key,
                max_network_retries=RETRIES_OF_STATEMENTS,
            )
            return _received(sent, f"received as {sent.data['identifier']}")

        return self._decide(send, event.identifier, is_futile)

    def cancel_usage(self, event: MeterEvent, is_futile: Callable[[], bool] = lambda: False) -> Answer:
        """Asks Stripe to take a meter event back that it received less than 24 hours ago."""
        self._refuse_unbilled(event)

        def send(key: str) -> Answer:
            asked = self._client.v1.billing.meter_event_adjustments.create(
                {"type": "cancel", "event_name": event.event_name, "cancel": {"identifier": event.identifier}},
                {"idempotency_key": key, "max_network_retries": RETRIES_OF_STATEMENTS},
            )
            return _received(asked.last_response, f"cancellation {asked.status}")

        return self._decide(send, f"cancel:{event.identifier}", is_futile)

    def _refuse_unbilled(self, event: MeterEvent) -> None:
        if not self._billing_start.bills(event.hour):
            raise NotBilledError(f"{event.identifier} is not sent: {self._billing_start.restriction}")

    def _decide(self, send: Send, key: str, is_futile: Callable[[], bool]) -> Answer:
        answer = self._retries.decide(send, key, is_futile)
        return replace(answer, text=self._key.redact(answer.text))

    def meters(self) -> dict[str, StripeMeter]:
        """Every meter by event name; an active one is preferred over inactive ones of the same name.

        Raises ``StripeCallError``, as all that follow.
        """
        of_name: dict[str, list[StripeMeter]] = {}
        with self._call("listing meters"):
            for item in self._client.v1.billing.meters.list({"limit": PAGE_SIZE}).auto_paging_iter():
                meter = _read_meter(item)
                of_name.setdefault(meter.event_name, []).append(meter)
        self._meters = {name: _one_of(meters) for name, meters in of_name.items()}
        return self._meters

    def _known_meters(self) -> dict[str, StripeMeter]:
        """As ``meters``, as they were read last."""
        return self.meters() if self._meters is None else self._meters

    @property
    def meters_read(self) -> dict[str, StripeMeter]:
        """The meters as far as they were read; calls nobody."""
        return self._meters or {}

    def create_meter(self, meter: Meter) -> StripeMeter:
        """Creates the catalogue's meter; formula and window can never be changed afterwards."""
        params: dict[str, Any] = {
            "display_name": meter.display_name,
            "event_name": meter.event_name,
            "default_aggregation": {"formula": meter.formula.value},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
        if meter.window is not Window.NONE:
            params["event_time_window"] = meter.window.value
        self._meters = None
        with self._call(f"creating the meter {meter.event_name}"):
            return _read_meter(self._client.v1.billing.meters.create(params))  # type: ignore[arg-type]  # built stepwise

    def known_meter(self, event_name: str) -> StripeMeter:
        """The meter of an event name, as it was read last. Raises ``MeterMissingError`` as well."""
        meter = self._known_meters().get(event_name)
        if meter is None:
            raise MeterMissingError(f"Stripe has no meter {event_name!r}; run: fridge stripe setup")
        return meter

    def event_name_of(self, meter_id: str) -> str | None:
        """The event name of a meter by Stripe's id; ``None`` when it is not known."""
        known = self._known_meters().values()
        return next((each.event_name for each in known if meter_id in _ids(each)), None)

    @contextmanager
    def reading(self, doing: str) -> Iterator[stripe.StripeClient]:
        """The SDK's client for one read, which keeps to the rate limit; its errors become ``StripeCallError``."""
        with self._call(doing):
            yield self._client

    @contextmanager
    def writing(self, doing: str) -> Iterator[stripe.StripeClient]:
        """As ``reading``, for one write that a person has approved; it takes an Idempotency-Key."""
        with self._call(doing):
            yield self._client

    @contextmanager
    def _call(self, doing: str) -> Iterator[None]:
        """Keeps to the rate limit, and turns the SDK's errors into one that says what was being done and where."""
        self._limiter.wait()
        try:
            yield
        except stripe.StripeError as error:
            answer = answer_to_error(error)
            silence = "" if answer.reached else " is unreachable"
            raise StripeCallError(
                self._key.redact(f"{self.location}{silence}, {doing}: {answer.text}"),
                reached=answer.reached,
                is_key_refused=answer.outcome is Outcome.KEY_REFUSED,
                is_refused=answer.outcome is Outcome.REFUSED,
                is_missing=answer.http_status == HTTPStatus.NOT_FOUND and error.code == "resource_missing",
            ) from None


def _received(response: Any, text: str) -> Answer:
    return Answer(Outcome.ACCEPTED, text, response.code, response.request_id)


def _read_meter(item: Any) -> StripeMeter:
    return StripeMeter(
        meter_id=item.id,
        event_name=item.event_name,
        formula=item.default_aggregation.formula,
        window=item.event_time_window or Window.NONE.value,
        active=item.status == "active",
        customer_key=item.customer_mapping.event_payload_key,
        value_key=item.value_settings.event_payload_key,
        deactivated_at=_moment(item.status_transitions.deactivated_at),
    )


def _moment(unix: int | None) -> datetime | None:
    return None if unix is None else datetime.fromtimestamp(unix, UTC)


def _one_of(meters: Sequence[StripeMeter]) -> StripeMeter:
    """Of the meters of one event name the active one, which knows the others."""
    chosen = next((meter for meter in meters if meter.active), meters[0])
    others = tuple(OtherMeter(each.meter_id, each.deactivated_at) for each in meters if each != chosen)
    ends = [each.until for each in others if each.until is not None]
    return replace(chosen, others=others, others_until=max(ends, default=None))


def _ids(meter: StripeMeter) -> set[str]:
    return {meter.meter_id, *(other.meter_id for other in meter.others)}
