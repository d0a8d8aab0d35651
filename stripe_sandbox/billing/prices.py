"""Products and prices: per unit, in packages, graduated and by volume, in one currency or several."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from math import ceil, floor

from stripe_sandbox.billing.money import EXACT, plain, whole


@dataclass(frozen=True)
class Product:
    """What is sold; every price belongs to one."""

    id: str
    created: int
    updated: int
    name: str
    active: bool = True
    description: str | None = None
    unit_label: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    def as_stripe(self) -> dict[str, object]:
        """The ``product`` object."""
        return {
            "id": self.id,
            "object": "product",
            "active": self.active,
            "created": self.created,
            "default_price": None,
            "description": self.description,
            "images": [],
            "livemode": False,
            "marketing_features": [],
            "metadata": self.metadata,
            "name": self.name,
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "type": "service",
            "unit_label": self.unit_label,
            "updated": self.updated,
            "url": None,
        }


@dataclass(frozen=True)
class Tier:
    """Units up to and including ``up_to`` (``None``: all the rest); amounts in minor units."""

    up_to: int | None
    unit: Decimal | None
    flat: Decimal | None

    def as_stripe(self) -> dict[str, object]:
        """One of a price's ``tiers``."""
        return {
            "flat_amount": whole(self.flat),
            "flat_amount_decimal": None if self.flat is None else plain(self.flat),
            "unit_amount": whole(self.unit),
            "unit_amount_decimal": None if self.unit is None else plain(self.unit),
            "up_to": self.up_to,
        }


@dataclass(frozen=True)
class Rates:
    """What a price costs in one currency: an amount per unit (or package), or tiers."""

    unit: Decimal | None = None
    tiers: tuple[Tier, ...] = ()


@dataclass(frozen=True)
class Package:
    """``transform_quantity``: the total of a period is divided, then rounded."""

    divide_by: int
    round: str

    def packages(self, quantity: Decimal) -> Decimal:
        """How many packages a quantity makes."""
        shares = EXACT.divide(quantity, Decimal(self.divide_by))
        return Decimal(ceil(shares) if self.round == "up" else floor(shares))


@dataclass(frozen=True)
class Recurring:
    """How often it is billed, and by which meter (``None``: it is licensed, billed in advance)."""

    interval: str
    interval_count: int
    meter: str | None = None

    @property
    def usage_type(self) -> str:
        """``metered`` or ``licensed``."""
        return "licensed" if self.meter is None else "metered"


@dataclass(frozen=True)
class Price:
    """One price. ``inline`` ones were made inside another request (``price_data``) and stand in no list."""

    id: str
    created: int
    product: str
    currency: str
    rates: Rates
    recurring: Recurring | None = None
    tiers_mode: str | None = None
    package: Package | None = None
    options: dict[str, Rates] = field(default_factory=dict)
    active: bool = True
    inline: bool = False
    nickname: str | None = None
    lookup_key: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def meter(self) -> str | None:
        """The meter whose usage it bills."""
        return None if self.recurring is None else self.recurring.meter

    @property
    def subscribed(self) -> Recurring:
        """How often it is billed, as an item of a subscription, which no one-time price is."""
        if self.recurring is None:
            raise ValueError(f"{self.id} is a one-time price: a subscription item cannot carry it")
        return self.recurring

    @property
    def billing_scheme(self) -> str:
        """``per_unit`` or ``tiered``."""
        return "per_unit" if self.tiers_mode is None else "tiered"

    def rates_in(self, currency: str) -> Rates:
        """What it costs in this currency, which has to be its own or among its options."""
        return self.rates if currency == self.currency else self.options[currency]

    def changed(self, **fields: object) -> Price:
        """The price after an update."""
        return replace(self, **fields)  # type: ignore[arg-type]

    def as_stripe(self) -> dict[str, object]:
        """The ``price`` object without what is only shown on demand: ``tiers`` and ``currency_options``."""
        package = self.package
        return {
            "id": self.id,
            "object": "price",
            "active": self.active,
            "billing_scheme": self.billing_scheme,
            "created": self.created,
            "currency": self.currency,
            "custom_unit_amount": None,
            "livemode": False,
            "lookup_key": self.lookup_key,
            "metadata": self.metadata,
            "nickname": self.nickname,
            "product": self.product,
            "recurring": None if self.recurring is None else self._recurring(self.recurring),
            "tax_behavior": "unspecified",
            "tiers_mode": self.tiers_mode,
            "transform_quantity": None if package is None else {"divide_by": package.divide_by, "round": package.round},
            "type": "one_time" if self.recurring is None else "recurring",
            "unit_amount": whole(self.rates.unit),
            "unit_amount_decimal": None if self.rates.unit is None else plain(self.rates.unit),
        }

    def shown_on_demand(self, name: str) -> object:
        """``tiers`` or ``currency_options``, which Stripe shows only where they are asked for by ``expand``."""
        if name == "tiers":
            return [tier.as_stripe() for tier in self.rates.tiers]
        return {
            currency: self._option(rates) for currency, rates in {self.currency: self.rates, **self.options}.items()
        }

    def as_plan(self) -> dict[str, object]:
        """The older ``plan`` object that subscription items still carry beside the price."""
        recurring, package, unit = self.subscribed, self.package, self.rates.unit
        return {
            "id": self.id,
            "object": "plan",
            "active": self.active,
            "amount": whole(unit),
            "amount_decimal": None if unit is None else plain(unit),
            "billing_scheme": self.billing_scheme,
            "created": self.created,
            "currency": self.currency,
            "interval": recurring.interval,
            "interval_count": recurring.interval_count,
            "livemode": False,
            "metadata": self.metadata,
            "meter": recurring.meter,
            "nickname": self.nickname,
            "product": self.product,
            "tiers_mode": self.tiers_mode,
            "transform_usage": None if package is None else {"divide_by": package.divide_by, "round": package.round},
            "trial_period_days": None,
            "usage_type": recurring.usage_type,
        }

    @staticmethod
    def _recurring(recurring: Recurring) -> dict[str, object]:
        return {
            "interval": recurring.interval,
            "interval_count": recurring.interval_count,
            "meter": recurring.meter,
            "trial_period_days": None,
            "usage_type": recurring.usage_type,
        }

    def _option(self, rates: Rates) -> dict[str, object]:
        shown: dict[str, object] = {
            "custom_unit_amount": None,
            "tax_behavior": "unspecified",
            "unit_amount": whole(rates.unit),
            "unit_amount_decimal": None if rates.unit is None else plain(rates.unit),
        }
        return {**shown, "tiers": [tier.as_stripe() for tier in rates.tiers]} if rates.tiers else shown
