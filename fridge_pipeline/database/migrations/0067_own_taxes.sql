-- A correction by an invoice item took no notice of the tax: one by amount has neither the tax rates of the
-- subscription's item nor a price that includes tax. Now it is read which items have such a tax.
alter table fridge.subscription_item_snapshots add column has_own_tax boolean not null default false;

comment on column fridge.subscription_item_snapshots.has_own_tax is
'Whether the item has tax rates of its own or a price that includes tax: an invoice item by amount has neither.';

create or replace view fridge.subscription_items as
select distinct on (item_id)
    item_id,
    stripe_subscription_id,
    stripe_customer_id,
    price_id,
    status,
    created_at,
    period_start,
    period_end,
    ended_at,
    content_hash,
    read_at,
    trial_start,
    trial_end,
    ended_at is null and status not in ('paused', 'incomplete', 'incomplete_expired') as goes_on,
    is_discounted,
    currency,
    has_own_tax
from fridge.subscription_item_snapshots
order by item_id asc, snapshot_id desc;
