-- Who is billed, and under which meters.

create table fridge.tenants (
    tenant_id text primary key,
    name text,
    -- Unique: on an hour-window meter, two tenants of one customer would overwrite each other's usage.
    stripe_customer_id text unique,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint tenants_tenant_id_not_empty check (tenant_id <> ''),
    constraint tenants_stripe_customer_id_not_empty check (stripe_customer_id <> '')
);

create trigger tenants_no_delete before delete on fridge.tenants
for each row execute function fridge.refuse_change();
create trigger tenants_no_truncate before truncate on fridge.tenants
for each statement execute function fridge.refuse_change();
create trigger tenants_keep_their_id before update of tenant_id, created_at on fridge.tenants
for each row execute function fridge.refuse_change();

comment on table fridge.tenants is 'One row per tenant: who is billed, and as which Stripe customer.';
comment on column fridge.tenants.stripe_customer_id is
'Empty until finance has made the customer; usage then waits as unmapped.';

-- All columns, because an import locks the table; triggers keep what it must not change.
insert into fridge.pipeline_rights (relation, updates) values ('tenants', '{*}');
insert into fridge.person_rights (relation, role, inserts, updates) values
('tenants', 'operator', true, true),
('meter_events', 'operator', false, false); -- to whom a customer's usage was stated

-- The registry of measures, as fridge_pipeline/catalogue/measure.py has it; a test compares the two.
create table fridge.measures (
    measure text primary key,
    usage_table text not null,
    counts text not null,
    constraint measures_usage_table unique (usage_table)
);

insert into fridge.measures (measure, usage_table, counts) values
('inserted_count', 'inserted_counts', 'readings stored for the first time'),
('active_sensors', 'active_sensors', 'distinct sensors with a reading stored for the first time');

comment on table fridge.measures is 'One row per measure: what is counted of the readings inserted in an hour.';
comment on column fridge.measures.measure is 'Its name in usage.measure and in the catalogue of meters.';
comment on column fridge.measures.usage_table is 'The asset that counts it; counted_hours calls it that too.';
comment on column fridge.measures.counts is 'In words.';

-- A copy of the settings' catalogue, so that SQL can say under which meter usage is billed.
create table fridge.meters (
    event_name text primary key,
    measure text not null,
    formula text not null,
    "window" text not null,
    constraint meters_measure foreign key (measure) references fridge.measures (measure)
);

comment on table fridge.meters is
'One row per meter of the catalogue in the settings, copied whenever the SQL models are brought up to date.';
comment on column fridge.meters.event_name is 'The Stripe event name.';
comment on column fridge.meters.measure is 'What is billed; see measures.';
comment on column fridge.meters.formula is 'How Stripe makes one number of several statements.';
comment on column fridge.meters."window" is 'hour when only the newest statement of an hour counts, else none.';

insert into fridge.pipeline_rights (relation, updates, deletes)
values ('meters', '{measure, formula, "window"}', true);
