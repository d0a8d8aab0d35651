-- What Stripe's invoices say, each time they were read, and how it compares with the ledger.

create table fridge.invoice_causes (
    cause text primary key,
    "position" integer not null,
    words text not null,
    meaning text not null,
    what_to_do text not null,
    is_explained boolean not null,
    needs_correction boolean not null
);

comment on table fridge.invoice_causes is
'One row per cause for which an invoice''s quantity is not the usage of its period.';
comment on column fridge.invoice_causes."position" is 'The order in which causes are looked for.';
comment on column fridge.invoice_causes.words is 'In a few words.';
comment on column fridge.invoice_causes.meaning is 'In a sentence.';
comment on column fridge.invoice_causes.what_to_do is 'What to do about it; docs/runbook.md has the long form.';
comment on column fridge.invoice_causes.is_explained is
'Whether it is known and waits for somebody or passes by itself; without it the month is not closed.';
comment on column fridge.invoice_causes.needs_correction is
'Whether it stays until somebody invoices or credits the difference, and so stands in the exceptions.';

create table fridge.invoice_snapshots (
    snapshot_id bigint generated always as identity primary key,
    invoice_id text not null,
    stripe_customer_id text not null,
    status text not null,
    billing_reason text,
    currency text not null,
    created_at timestamptz not null,
    finalized_at timestamptz,
    finalizes_at timestamptz,
    "number" text,
    total bigint not null,
    credited bigint not null,
    content_hash text not null,
    read_at timestamptz not null,
    run_id text not null,
    constraint invoice_snapshots_status check (
        status in ('draft', 'open', 'paid', 'uncollectible', 'void', 'deleted')
    )
);

create index invoice_snapshots_newest on fridge.invoice_snapshots (invoice_id, snapshot_id);
create index invoice_snapshots_created on fridge.invoice_snapshots (created_at);
create index invoice_snapshots_customer on fridge.invoice_snapshots (stripe_customer_id);

create trigger invoice_snapshots_append_only before update or delete on fridge.invoice_snapshots
for each row execute function fridge.refuse_change();
create trigger invoice_snapshots_no_truncate before truncate on fridge.invoice_snapshots
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.invoice_snapshots from current_user;

comment on table fridge.invoice_snapshots is
'One row per invoice with lines of our meters for each time that it was read and was not what it was; append only.';
comment on column fridge.invoice_snapshots.status is
'Stripe''s draft, open, paid, uncollectible or void; deleted for a draft that Stripe shows no more.';
comment on column fridge.invoice_snapshots.billing_reason is 'Why Stripe made it, as subscription_cycle.';
comment on column fridge.invoice_snapshots.created_at is 'When Stripe made it.';
comment on column fridge.invoice_snapshots.finalized_at is
'When it became final; what Stripe accepts later for its period is on no invoice.';
comment on column fridge.invoice_snapshots.finalizes_at is 'When Stripe will finalize a draft that was scheduled.';
comment on column fridge.invoice_snapshots."number" is 'The number that the customer sees; empty for a draft.';
comment on column fridge.invoice_snapshots.total is 'In minor units of the currency.';
comment on column fridge.invoice_snapshots.credited is 'What its credit notes come to, in minor units.';
comment on column fridge.invoice_snapshots.content_hash is 'Of the invoice with all its lines as they were read.';
comment on column fridge.invoice_snapshots.read_at is 'When Stripe was asked.';
comment on column fridge.invoice_snapshots.run_id is 'The run that asked.';

-- Without a foreign key: its check would need the update privilege on the snapshots, which nobody has.
create table fridge.invoice_line_snapshots (
    snapshot_id bigint not null,
    line_number integer not null,
    line_id text not null,
    price_id text,
    stripe_subscription_id text,
    subscription_item_id text,
    period_start timestamptz not null,
    period_end timestamptz not null,
    quantity numeric,
    amount bigint not null,
    is_invoice_item boolean not null,
    is_proration boolean not null,
    is_discounted boolean not null default false,
    primary key (snapshot_id, line_number)
);

create trigger invoice_line_snapshots_append_only before update or delete on fridge.invoice_line_snapshots
for each row execute function fridge.refuse_change();
create trigger invoice_line_snapshots_no_truncate before truncate on fridge.invoice_line_snapshots
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.invoice_line_snapshots from current_user;

comment on table fridge.invoice_line_snapshots is
'One row per line of an invoice for each time that the invoice was read and was not what it was; append only.';
comment on column fridge.invoice_line_snapshots.line_number is 'Its place on the invoice, from 1.';
comment on column fridge.invoice_line_snapshots.period_start is
'The line''s own period; the invoice''s says when pending items were collected.';
comment on column fridge.invoice_line_snapshots.quantity is 'With its decimals; empty where the line has none.';
comment on column fridge.invoice_line_snapshots.amount is
'In minor units of the invoice''s currency, before discounts.';
comment on column fridge.invoice_line_snapshots.is_invoice_item is
'Whether an invoice item made it, as when a price was changed within the period.';
comment on column fridge.invoice_line_snapshots.is_discounted is
'Whether a discount lowers the amount, or would lower more of it: then a correction at the price would be wrong.';

create table fridge.price_snapshots (
    snapshot_id bigint generated always as identity primary key,
    price_id text not null,
    event_name text,
    currency text not null,
    unit_amount numeric,
    tiers_mode text,
    tiers jsonb not null,
    divide_by integer,
    rounds_up boolean not null,
    content_hash text not null,
    read_at timestamptz not null,
    run_id text not null,
    constraint price_snapshots_tiers_mode check (tiers_mode in ('graduated', 'volume'))
);

create index price_snapshots_newest on fridge.price_snapshots (price_id, snapshot_id);

create trigger price_snapshots_append_only before update or delete on fridge.price_snapshots
for each row execute function fridge.refuse_change();
create trigger price_snapshots_no_truncate before truncate on fridge.price_snapshots
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.price_snapshots from current_user;

comment on table fridge.price_snapshots is
'One row per price for each time that it was read and was not what it was; append only.';
comment on column fridge.price_snapshots.event_name is
'The meter that it bills; empty when it bills none of ours, and its lines are left alone.';
comment on column fridge.price_snapshots.unit_amount is 'In minor units, with decimals; empty where tiers say it.';
comment on column fridge.price_snapshots.tiers is 'An array of up_to, unit_amount and flat_amount, in order.';
comment on column fridge.price_snapshots.divide_by is
'How many units make a package; empty where the price is per unit.';

create table fridge.subscription_item_snapshots (
    snapshot_id bigint generated always as identity primary key,
    item_id text not null,
    stripe_subscription_id text not null,
    stripe_customer_id text not null,
    price_id text not null,
    status text not null,
    created_at timestamptz not null,
    period_start timestamptz not null,
    period_end timestamptz not null,
    ended_at timestamptz,
    content_hash text not null,
    read_at timestamptz not null,
    run_id text not null,
    trial_start timestamptz,
    trial_end timestamptz,
    is_discounted boolean not null default false,
    currency text,
    has_own_tax boolean not null default false
);

create index subscription_item_snapshots_newest on fridge.subscription_item_snapshots (item_id, snapshot_id);

create trigger subscription_item_snapshots_append_only before update or delete on fridge.subscription_item_snapshots
for each row execute function fridge.refuse_change();
create trigger subscription_item_snapshots_no_truncate before truncate on fridge.subscription_item_snapshots
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.subscription_item_snapshots from current_user;

comment on table fridge.subscription_item_snapshots is
'One row per subscription item of our meters for each time that it was read and was not what it was; append only.';
comment on column fridge.subscription_item_snapshots.status is 'Stripe''s, of the subscription.';
comment on column fridge.subscription_item_snapshots.period_start is 'Of the current period, whose usage is to come.';
comment on column fridge.subscription_item_snapshots.ended_at is
'When the subscription ended, or the item was no longer there; empty while it goes on.';
comment on column fridge.subscription_item_snapshots.trial_start is
'When the subscription''s last trial began; empty without one.';
comment on column fridge.subscription_item_snapshots.trial_end is 'When that trial ends or ended.';
comment on column fridge.subscription_item_snapshots.is_discounted is
'Whether the item or its subscription had a discount.';
comment on column fridge.subscription_item_snapshots.currency is
'The subscription''s, which may be another than the price''s own; empty where it was not kept yet.';
comment on column fridge.subscription_item_snapshots.has_own_tax is
'Whether the item has tax rates of its own or a price that includes tax: an invoice item by amount has neither.';

create table fridge.invoice_day_reads (
    day_read_id bigint generated always as identity primary key,
    day date not null,
    invoices integer not null,
    read_at timestamptz not null,
    run_id text not null
);

create index invoice_day_reads_day on fridge.invoice_day_reads (day, read_at);

create trigger invoice_day_reads_append_only before update or delete on fridge.invoice_day_reads
for each row execute function fridge.refuse_change();
create trigger invoice_day_reads_no_truncate before truncate on fridge.invoice_day_reads
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.invoice_day_reads from current_user;

comment on table fridge.invoice_day_reads is
'One row per UTC day for each time that all invoices created on it were read, after all subscriptions.';
comment on column fridge.invoice_day_reads.invoices is 'Invoices created on it, with lines of our meters or without.';
comment on column fridge.invoice_day_reads.read_at is 'When Stripe was asked.';

-- What was to be done to drafts, committed before Stripe is asked, and what came of it. No foreign key, as above.
create table fridge.invoice_holds (
    hold_id bigint generated always as identity primary key,
    invoice_id text not null,
    act text not null,
    attempt integer,
    mark text,
    finalizes_at timestamptz,
    answers bigint,
    outcome text,
    detail text not null,
    written_at timestamptz not null,
    run_id text not null,
    constraint invoice_holds_act check (act in ('hold', 'release', 'leave')),
    constraint invoice_holds_outcome check (outcome in ('done', 'found', 'failed')),
    constraint invoice_holds_receipt check ((answers is null) = (outcome is null)),
    constraint invoice_holds_intent check (
        (attempt is not null and mark is not null and finalizes_at is not null) or answers is not null or act = 'leave'
    )
);

-- Of two runs that want the same, one does it.
create unique index invoice_holds_intent on fridge.invoice_holds (invoice_id, act, attempt) where answers is null;
create index invoice_holds_invoice on fridge.invoice_holds (invoice_id, hold_id);

create trigger invoice_holds_append_only before update or delete on fridge.invoice_holds
for each row execute function fridge.refuse_change();
create trigger invoice_holds_no_truncate before truncate on fridge.invoice_holds
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.invoice_holds from current_user;

comment on table fridge.invoice_holds is
'One row per intent to hold a draft or to let it go, per answer to it, and per draft that is left alone; append only.';
comment on column fridge.invoice_holds.act is 'hold, release, or leave: somebody else decides when it becomes final.';
comment on column fridge.invoice_holds.attempt is 'The number of an intent, from 1; empty for an answer.';
comment on column fridge.invoice_holds.mark is 'What stands in the draft''s metadata once the intent has its effect.';
comment on column fridge.invoice_holds.finalizes_at is 'When Stripe is to make the draft final by itself.';
comment on column fridge.invoice_holds.answers is 'The intent whose outcome this row says; empty for an intent.';
comment on column fridge.invoice_holds.outcome is
'done; found done by a later run; failed: refused, or nobody knows, and the draft is read before the next try.';
comment on column fridge.invoice_holds.detail is 'Why, or what Stripe answered.';

-- A function of what is stored above and of the ledger, so it is replaced when it is compared again.
create table fridge.invoice_comparisons (
    invoice_id text,
    tenant_id text,
    stripe_customer_id text not null,
    event_name text not null,
    period_start timestamptz not null,
    period_end timestamptz not null,
    usage_quantity numeric not null,
    accepted_quantity numeric not null,
    stripe_quantity numeric,
    invoice_quantity numeric not null,
    difference numeric not null,
    cause text,
    amount bigint,
    currency text,
    price_id text,
    compared_at timestamptz not null,
    settled_quantity numeric not null default 0,
    constraint invoice_comparisons_cause foreign key (cause) references fridge.invoice_causes (cause),
    constraint invoice_comparisons_difference check (difference = invoice_quantity - usage_quantity),
    constraint invoice_comparisons_has_a_cause check (difference = 0 or cause is not null)
);

create index invoice_comparisons_period on fridge.invoice_comparisons (period_end, period_start);
create index invoice_comparisons_customer on fridge.invoice_comparisons (stripe_customer_id, event_name);

comment on table fridge.invoice_comparisons is
'One row per invoice, customer, meter and period, and one per time whose accepted usage no invoice carries.';
comment on column fridge.invoice_comparisons.invoice_id is 'Empty where no invoice carries the usage.';
comment on column fridge.invoice_comparisons.tenant_id is
'Whose usage it is; empty where the customer is no tenant''s. Of several tenants of a customer the last one.';
comment on column fridge.invoice_comparisons.event_name is 'The meter.';
comment on column fridge.invoice_comparisons.usage_quantity is
'Our usage of the period; of several invoices of a period the newest has what the others do not carry.';
comment on column fridge.invoice_comparisons.accepted_quantity is
'What of it Stripe has accepted, shared out in the same way.';
comment on column fridge.invoice_comparisons.stripe_quantity is
'What Stripe''s summaries show of the whole period; empty where not every hour of it was read.';
comment on column fridge.invoice_comparisons.invoice_quantity is
'What usage of the period the invoice bills, also where its line shows packages of it; 0 for a void one.';
comment on column fridge.invoice_comparisons.difference is
'Invoice less usage: below 0 too little is billed, above 0 too much.';
comment on column fridge.invoice_comparisons.settled_quantity is
'What of the usage no invoice is to carry: settled hour by hour, below 0 credited; or before the billing start.';
comment on column fridge.invoice_comparisons.cause is 'Why they differ; empty when they agree.';
comment on column fridge.invoice_comparisons.amount is
'What the difference costs in minor units: above 0 to be invoiced, below 0 to be credited; empty when not known.';
comment on column fridge.invoice_comparisons.price_id is 'The price by which the amount was reckoned.';
comment on column fridge.invoice_comparisons.compared_at is 'When they were compared.';

create view fridge.invoices as
with newest as (
    select distinct on (invoice_id) *
    from fridge.invoice_snapshots
    order by invoice_id asc, snapshot_id desc
)

select
    newest.invoice_id,
    newest.stripe_customer_id,
    tenants.tenant_id,
    newest.status,
    newest.billing_reason,
    newest.currency,
    newest."number",
    newest.total,
    newest.credited,
    newest.created_at,
    newest.finalized_at,
    newest.finalizes_at,
    newest.read_at,
    newest.snapshot_id
from newest
left join fridge.tenants on newest.stripe_customer_id = tenants.stripe_customer_id;

comment on view fridge.invoices is
'One row per invoice with lines of our meters, as Stripe showed it when it was read last.';
comment on column fridge.invoices.tenant_id is 'Whose customer it is now; empty where no tenant has it.';
comment on column fridge.invoices.total is 'In minor units of the currency.';
comment on column fridge.invoices.credited is 'What its credit notes come to, in minor units.';
comment on column fridge.invoices.read_at is 'When Stripe first showed it so.';

create view fridge.prices as
select distinct on (price_id)
    price_id,
    event_name,
    currency,
    unit_amount,
    tiers_mode,
    tiers,
    divide_by,
    rounds_up,
    content_hash,
    read_at
from fridge.price_snapshots
order by price_id asc, snapshot_id desc;

comment on view fridge.prices is 'One row per price, as Stripe showed it when it was read last.';

-- What a period's quantity costs at a price of fridge.prices, in minor units and not rounded; null where Stripe gives
-- no amount. The same as invoices/rules/money.py, which a test compares it with.
create function fridge.cost_of(
    quantity numeric, unit_amount numeric, tiers_mode text, tiers jsonb, divide_by integer, rounds_up boolean
) returns numeric
language sql immutable as $$
    select case
        when quantity <= 0 then 0
        when tiers_mode is null then unit_amount * case
            when divide_by is null then quantity
            when rounds_up then ceil(quantity / divide_by)
            else floor(quantity / divide_by)
        end
        when tiers_mode = 'volume' then (
            select quantity * (tier ->> 'unit_amount')::numeric + (tier ->> 'flat_amount')::numeric
            from jsonb_array_elements(tiers) with ordinality as every (tier, position)
            where coalesce(quantity <= (tier ->> 'up_to')::numeric, true)
            order by position
            limit 1
        )
        else (
            select sum((least(quantity, up_to) - below) * unit + flat)
            from (
                select
                    (tier ->> 'up_to')::numeric as up_to,
                    coalesce(lag((tier ->> 'up_to')::numeric) over (order by position), 0) as below,
                    (tier ->> 'unit_amount')::numeric as unit,
                    (tier ->> 'flat_amount')::numeric as flat
                from jsonb_array_elements(tiers) with ordinality as every (tier, position)
            ) as layers
            where quantity > below
        )
    end;
$$;

create view fridge.invoice_lines as
select
    invoices.invoice_id,
    invoice_line_snapshots.line_number,
    invoice_line_snapshots.line_id,
    prices.event_name,
    invoice_line_snapshots.price_id,
    invoice_line_snapshots.stripe_subscription_id,
    invoice_line_snapshots.subscription_item_id,
    invoice_line_snapshots.period_start,
    invoice_line_snapshots.period_end,
    invoice_line_snapshots.quantity,
    invoice_line_snapshots.amount,
    invoice_line_snapshots.is_invoice_item,
    invoice_line_snapshots.is_proration
from fridge.invoices
inner join fridge.invoice_line_snapshots on invoices.snapshot_id = invoice_line_snapshots.snapshot_id
left join fridge.prices on invoice_line_snapshots.price_id = prices.price_id;

comment on view fridge.invoice_lines is
'One row per line of an invoice with lines of our meters, as Stripe showed it when it was read last.';
comment on column fridge.invoice_lines.event_name is 'The meter; empty for a line of something else.';

create view fridge.subscription_items as
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

comment on view fridge.subscription_items is
'One row per subscription item of our meters, as Stripe showed it when it was read last.';
comment on column fridge.subscription_items.goes_on is
'Whether its current period is to be invoiced: its subscription has not ended, and is not paused or incomplete.';

insert into fridge.pipeline_rights (relation) values
('invoice_snapshots'),
('invoice_line_snapshots'),
('price_snapshots'),
('subscription_item_snapshots'),
('invoice_day_reads'),
('invoice_holds');
insert into fridge.pipeline_rights (relation, deletes) values ('invoice_comparisons', true);
