-- Usage of a free trial was told as owed, since nobody read when the trial was.
-- And a paused subscription counted as one that goes on, so that its usage was to come for ever.
alter table fridge.subscription_item_snapshots add column trial_start timestamptz;
alter table fridge.subscription_item_snapshots add column trial_end timestamptz;

comment on column fridge.subscription_item_snapshots.trial_start is
'When the subscription''s last trial began; empty without one.';
comment on column fridge.subscription_item_snapshots.trial_end is 'When that trial ends or ended.';

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
    ended_at is null and status not in ('paused', 'incomplete', 'incomplete_expired') as goes_on
from fridge.subscription_item_snapshots
order by item_id asc, snapshot_id desc;

comment on column fridge.subscription_items.goes_on is
'Whether its current period is to be invoiced: its subscription has not ended, and is not paused or incomplete.';
