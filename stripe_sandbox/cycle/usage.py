"""How much was used in a stretch of time, as an invoice sees it."""

from __future__ import annotations

from decimal import Decimal

from stripe_sandbox.billing.charges import Charge, charges
from stripe_sandbox.billing.lines import Metered
from stripe_sandbox.billing.money import ZERO
from stripe_sandbox.books import ALWAYS, aggregate
from stripe_sandbox.sandbox import Sandbox


def quantity_of(sandbox: Sandbox, metered: Metered, as_of: float = ALWAYS) -> Decimal:
    """The total of a stretch as received until ``as_of``; a negative one counts as 0.

    A sum is kept until another event of that meter and customer comes, so that lists of drafts are cheap.
    """
    billing, books = sandbox.books.billing, sandbox.books
    meter = billing.prices[metered.price].meter
    if meter is None or metered.free:
        return ZERO
    customer = billing.subscriptions[metered.subscription].customer
    inclusive = sandbox.settings.period_end == "inclusive"
    start = metered.usage_start + (1 if inclusive and not metered.first else 0)
    end = metered.usage_end + (1 if inclusive else 0)
    overwriting = sandbox.settings.window_meter_total == "overwritten"
    key, change = (meter, customer, start, end, overwriting), books.changes[meter, customer]
    kept = books.sums.get(key)
    if as_of == ALWAYS and kept is not None and kept[0] == change:
        return kept[1]
    counting = books.counting(books.meters[meter], customer, as_of, overwriting=overwriting, within=(start, end))
    total = max(aggregate(books.meters[meter].formula, [e for e in counting if start <= e.timestamp < end]), ZERO)
    if as_of == ALWAYS:
        books.sums[key] = (change, total)
    return total


def charges_of(sandbox: Sandbox, metered: Metered, as_of: float = ALWAYS) -> list[Charge]:
    """What the usage of a stretch costs, less what was billed of it before.

    Without usage there are no charges at all where the sandbox is told so.
    """
    price = sandbox.books.billing.prices[metered.price]
    currency = sandbox.books.billing.subscriptions[metered.subscription].currency
    quantity = quantity_of(sandbox, metered, as_of)
    if sandbox.settings.zero_usage_line == "absent" and quantity == 0 == metered.before.quantity:
        return []
    return charges(price, currency, quantity, sandbox.settings, metered.before)
