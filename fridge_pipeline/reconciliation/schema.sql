-- Usage, ledger and Stripe side by side. Like usage a function of what is stored elsewhere (and in Stripe), so a day
-- is replaced when it is reconciled again.
create table fridge.stripe_reconciliation (
    day date not null,
    hour timestamptz,
    tenant_id text not null,
    event_name text not null,
    stripe_customer_id text,
    usage_value bigint,
    ledger_value bigint,
    stripe_value numeric,
    difference numeric,
    cause text,
    detail text,
    read_at timestamptz,
    run_id text not null,
    constraint stripe_reconciliation_cause foreign key (cause) references fridge.causes (cause),
    constraint stripe_reconciliation_hour_of_day check ((hour at time zone 'UTC')::date = day),
    constraint stripe_reconciliation_read_has_time check (stripe_value is null or read_at is not null)
);

create unique index stripe_reconciliation_row on fridge.stripe_reconciliation (
    day, tenant_id, event_name, stripe_customer_id, hour
) nulls not distinct;

create index stripe_reconciliation_account on fridge.stripe_reconciliation (
    tenant_id, event_name, stripe_customer_id, read_at
);

comment on table fridge.stripe_reconciliation is
'One row per day, tenant, meter and customer: usage, ledger and Stripe side by side; and one per hour that differs.';
comment on column fridge.stripe_reconciliation.day is 'UTC day.';
comment on column fridge.stripe_reconciliation.hour is
'Empty in the row of the day; set in rows of its differing hours.';
comment on column fridge.stripe_reconciliation.event_name is 'The meter.';
comment on column fridge.stripe_reconciliation.stripe_customer_id is 'Empty while the tenant has no customer.';
comment on column fridge.stripe_reconciliation.usage_value is
'Usage that this customer is to pay; empty when there is none. A day is the sum of its hours.';
comment on column fridge.stripe_reconciliation.ledger_value is
'What the accepted statements come to; empty when there is none.';
comment on column fridge.stripe_reconciliation.stripe_value is
'What Stripe''s summaries show, 0 when they show nothing; empty when they were not read.';
comment on column fridge.stripe_reconciliation.difference is
'Stripe less usage: above 0 too much is billed, below 0 too little; empty when Stripe was not read.';
comment on column fridge.stripe_reconciliation.cause is
'Why they differ, of a day that of its worst hour; empty when all three agree or Stripe was not read.';
comment on column fridge.stripe_reconciliation.detail is 'The cause, or why Stripe was not read, in words.';
comment on column fridge.stripe_reconciliation.read_at is 'When Stripe was read.';
comment on column fridge.stripe_reconciliation.run_id is 'The Dagster run that wrote it.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('stripe_reconciliation', '{usage_value, ledger_value, detail, run_id}', true);
