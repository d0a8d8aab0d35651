-- materialized: view
-- Current periods of subscriptions that go on, and what invoices bill that are neither void nor deleted. The price is
-- empty where there are several, or another currency than the price's own is billed.
with times as (
    select
        subscription_items.stripe_customer_id,
        prices.event_name as meter,
        subscription_items.period_start,
        subscription_items.period_end,
        case when subscription_items.status = 'trialing' then 'trial' else 'open' end as state,
        prices.price_id,
        coalesce(subscription_items.currency = prices.currency, true) as is_of_price
    from fridge.subscription_items
    inner join fridge.subscription_item_snapshots as snapshots
        on subscription_items.item_id = snapshots.item_id and subscription_items.period_start = snapshots.period_start
    inner join fridge.prices on snapshots.price_id = prices.price_id
    where subscription_items.goes_on and prices.event_name is not null

    union all

    select
        invoices.stripe_customer_id,
        prices.event_name as meter,
        lines.period_start,
        lines.period_end,
        case when invoices.status = 'draft' then 'draft' else 'final' end as state,
        prices.price_id,
        invoices.currency = prices.currency as is_of_price
    from fridge.invoices
    inner join fridge.invoice_line_snapshots as lines on invoices.snapshot_id = lines.snapshot_id
    inner join fridge.prices on lines.price_id = prices.price_id
    where invoices.status not in ('void', 'deleted') and prices.event_name is not null
)

select
    stripe_customer_id,
    meter,
    period_start,
    period_end,
    state,
    case when min(price_id) = max(price_id) and bool_and(is_of_price) then min(price_id) end as price_id
from times
group by stripe_customer_id, meter, period_start, period_end, state
