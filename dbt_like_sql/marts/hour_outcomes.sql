-- materialized: view
-- No CTE has the tie-out in it: of all that is in one PostgreSQL makes a copy before it plans.
select
    hour,
    meter,
    outcome,
    cause,
    sum(quantity) as quantity,
    min(holds_until) as holds_until
from ( -- noqa: ST05
    select
        hours.meter,
        hours.hour,
        case
            when parts.cause in ('counted_by_stripe', 'accepted_by_stripe') then 'billed'
            -- Usage that ran out of time is lost, whatever it has been waiting for.
            when
                causes.outcome = 'recoverable'
                and causes.expires
                and parts.quantity > 0
                and hours.hour + interval '35 days' <= now()
                then 'lost'
            else causes.outcome
        end as outcome,
        parts.cause,
        parts.quantity,
        case
            when parts.cause in ('in_flight', 'not_due_yet') then '-infinity'
            when
                causes.outcome = 'recoverable' and hours.hour + interval '35 days' > now()
                then hours.hour + interval '35 days'
            else 'infinity'
        end as holds_until
    from fridge.tie_out as hours
    cross join
        lateral ( -- noqa: ST05
            select
                hours.usage_quantity is not null as has_usage,
                coalesce(hours.stated_quantity, 0) as stated,
                -- What Stripe shows of somebody else's statements is no part of our usage.
                case
                    when coalesce(hours.cause_in_ledger <> 'not_billed', true) then hours.stripe_quantity
                end as counted,
                -hours.difference_in_ledger
                - coalesce(hours.invoiced_by_hand_quantity, 0)
                - coalesce(hours.credited_quantity, 0)
                - coalesce(hours.written_off_quantity, 0) as owed
        ) as sums
    -- What Stripe has, what people have settled otherwise, and the rest with its cause: together the usage.
    cross join
        lateral (
            values
            (case when sums.has_usage or sums.counted <> 0 then 'counted_by_stripe' end, sums.counted),
            (
                case when sums.counted is null and (sums.has_usage or sums.stated <> 0) then 'accepted_by_stripe' end,
                sums.stated
            ),
            (hours.cause_in_stripe, sums.stated - sums.counted),
            ('invoiced_by_hand', hours.invoiced_by_hand_quantity),
            ('credited', hours.credited_quantity),
            ('written_off', hours.written_off_quantity),
            (hours.cause_in_ledger, sums.owed)
        ) as parts (cause, quantity)
    left join fridge.stg_causes as causes on parts.cause = causes.cause
    where parts.cause is not null and parts.quantity is not null
) as judged
group by hour, meter, outcome, cause
