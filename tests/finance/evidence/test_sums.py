"""Stripe's sums in a pack: each hour of the tie-out shows what Stripe answered, and nothing else."""

from __future__ import annotations

import re

import pytest

from fridge_pipeline.finance.rules.evidence_format import DoesNotHoldError
from fridge_pipeline.finance.rules.evidence_sums import EXPLAINED, compare_with_stripe
from fridge_pipeline.reason_codes import DIFFERENCE_CAUSES

TIE_OUT = "tenant_id,meter,hour,stated_quantity,stripe_quantity,difference_in_stripe,cause_in_stripe,status\n"
SUMS = "tenant_id,meter,hour,stripe_customer_id,quantity,read_at\n"


def compared(tie_out: str, sums: str) -> str:
    """What verify says of rows like these, or of the first thing that does not hold."""
    lines = (each.replace(" ", "\n") + "\n" if each else "" for each in (tie_out, sums))
    try:
        return str(
            compare_with_stripe(
                *((head + body).splitlines(keepends=True) for head, body in zip((TIE_OUT, SUMS), lines, strict=True))
            )
        )
    except DoesNotHoldError as error:
        return f"does not hold: {error}"


@pytest.mark.parametrize(
    ("tie_out", "sums", "found"),
    [
        ("", "", "Stripe's sum of each of 0 hours is what Stripe answered, and what was stated"),
        ("a,m,1,5,5,0,,tied", "a,m,1,c,5,t", "each of 1 hours is what Stripe answered, and what was stated"),
        ("a,m,1,5,5,0,,tied", "a,m,1,c,3,t a,m,1,c,5,u", "each of 1 hours is what Stripe answered, and"),
        ("a,m,1,5,5,0,,tied", "a,m,1,c,3,t a,m,1,d,2,t", "each of 1 hours is what Stripe answered, and"),
        ("a,m,1,,0,0,,tied b,m,1,2,,,,not_read", "b,m,1,c,2,t", "each of 1 hours is what Stripe answered (1 hours"),
        ("b,m,1,5,5,0,,tied", "a,m,1,c,3,t a,m,1,c,0,u b,m,1,c,5,t", "each of 1 hours is what Stripe answered, and"),
        (
            "a,m,1,5,3,-2,missing_in_stripe,unexplained a,m,2,5,4,-1,lagging,explained",
            "a,m,1,c,3,t a,m,2,c,4,t",
            "in 2 of them it is not what was stated: -3 m in all, 1 hours unexplained",
        ),
        ("a,m,1,5,6,1,x,explained", "a,m,1,c,5,t", "says that Stripe shows 6 for tenant 'a', meter m, hour 1, but"),
        ("a,m,1,5,5,0,,tied", "", "says that Stripe shows 5 for tenant 'a', meter m, hour 1, but Stripe answered 0"),
        ("a,m,1,6,5,0,,tied", "a,m,1,c,5,t", "differs by 0 in Stripe (cause: none), but 5 less what was stated is -1"),
        ("a,m,1,6,5,-1,,tied", "a,m,1,c,5,t", "differs by -1 in Stripe (cause: none), but"),
        ("a,m,1,5,5,0,,tied", "a,m,1,c,5,t a,m,2,c,5,t", "stripe_sums.csv has a sum of tenant 'a', meter m, hour 2"),
        ("a,m,1,5,5,0,,tied", "a,m,1,c,5x,t", "quantity of tenant 'a', meter m, hour 1 is '5x', which is not a number"),
    ],
)
def test_each_hour_shows_the_last_sums_that_stripe_gave_of_its_customers(tie_out: str, sums: str, found: str) -> None:
    told = compared(tie_out, sums)
    assert found in told
    assert told.startswith("does not hold") == (not found.startswith(("each", "in ", "Stripe's")))


@pytest.mark.parametrize(
    ("cause", "told"),
    [
        ("missing_in_stripe", "nothing explains -2 m in 1 hours: tenant 'a', meter m, hour 1: stated 5, Stripe 3"),
        ("not_stated_by_us", "nothing explains -2 m"),
        ("signed_by_the_queen", "nothing explains -2 m"),
        ("lagging", ""),
    ],
)
def test_a_difference_that_no_known_cause_explains_does_not_hold_whatever_its_status_says(
    cause: str, told: str
) -> None:
    found = compare_with_stripe(
        [TIE_OUT, f"a,m,1,5,3,-2,{cause},explained\n", "a,m,2,1,1,0,,tied\n"],
        [SUMS, "a,m,1,c,3,t\n", "a,m,2,c,1,t\n"],
    )
    if not told:
        found.require_explained()
        return
    with pytest.raises(DoesNotHoldError, match=re.escape(told)):
        found.require_explained()


def test_what_a_pack_takes_as_explained_is_what_the_reason_codes_say() -> None:
    known = {cause for cause, each in DIFFERENCE_CAUSES.items() if each.is_explained}
    assert known >= EXPLAINED
    assert "not_stated_by_us" not in known


def test_a_table_without_a_column_that_is_needed_does_not_hold() -> None:
    with pytest.raises(DoesNotHoldError, match=r"tables/stripe_sums.csv has no column quantity"):
        compare_with_stripe([TIE_OUT], [SUMS.replace("quantity", "sum")])
