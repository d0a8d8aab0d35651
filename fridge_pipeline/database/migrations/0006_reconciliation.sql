-- What Stripe refuses after its receipt, and what its books show beside ours.

-- Stripe answers 200 and validates later; what it then refuses it reports, with samples only.
create table fridge.stripe_error_reports (
    report_id text primary key,
    type text not null,
    created_at timestamptz not null,
    validation_start timestamptz not null,
    validation_end timestamptz not null,
    meter_id text,
    event_name text,
    error_count bigint not null,
    collected_at timestamptz not null
);

create trigger stripe_error_reports_append_only before update or delete on fridge.stripe_error_reports
for each row execute function fridge.refuse_change();
create trigger stripe_error_reports_no_truncate before truncate on fridge.stripe_error_reports
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_error_reports from current_user;

-- Without a foreign key: its check would need the update privilege on the reports, which nobody has.
create table fridge.stripe_error_samples (
    report_id text not null,
    identifier text not null,
    code text not null,
    message text not null,
    primary key (report_id, identifier, code)
);

create index stripe_error_samples_identifier on fridge.stripe_error_samples (identifier);

create trigger stripe_error_samples_append_only before update or delete on fridge.stripe_error_samples
for each row execute function fridge.refuse_change();
create trigger stripe_error_samples_no_truncate before truncate on fridge.stripe_error_samples
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_error_samples from current_user;

-- Which statements were under way in a report's validation window. Statements are sent about in the order in which
-- they are written, so a block range index finds them at almost no cost.
create index meter_events_first_sent on fridge.meter_events using brin (first_sent_at);

-- Reads of Stripe's books, of which a month holds only so many.
create table fridge.stripe_reads (
    read_id bigint generated always as identity primary key,
    read_at timestamptz not null,
    reads integer not null,
    purpose text not null,
    constraint stripe_reads_positive check (reads > 0),
    constraint stripe_reads_purpose check (purpose in ('reconciliation', 'refusals'))
);

create index stripe_reads_read_at on fridge.stripe_reads (read_at);

create trigger stripe_reads_append_only before update or delete on fridge.stripe_reads
for each row execute function fridge.refuse_change();
create trigger stripe_reads_no_truncate before truncate on fridge.stripe_reads
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_reads from current_user;

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
    constraint stripe_reconciliation_cause check (cause in (
        'in_flight', 'lagging', 'refused', 'too_late', 'unmapped', 'credit_due', 'unexplained'
    )),
    constraint stripe_reconciliation_hour_of_day check ((hour at time zone 'UTC')::date = day),
    constraint stripe_reconciliation_read_has_time check (stripe_value is null or read_at is not null)
);

create unique index stripe_reconciliation_row on fridge.stripe_reconciliation (
    day, tenant_id, event_name, stripe_customer_id, hour
) nulls not distinct;
create index stripe_reconciliation_account on fridge.stripe_reconciliation (
    tenant_id, event_name, stripe_customer_id, read_at
);

comment on table fridge.stripe_error_reports is
'One row per report of Stripe that it refused events after their receipt; append only.';
comment on column fridge.stripe_error_reports.report_id is 'Stripe''s id of the thin event, evt_…';
comment on column fridge.stripe_error_reports.validation_start is 'The events were validated from here …';
comment on column fridge.stripe_error_reports.validation_end is '… to here.';
comment on column fridge.stripe_error_reports.meter_id is 'Stripe''s id of the meter; empty when no meter was found.';
comment on column fridge.stripe_error_reports.event_name is
'The meter''s event name; empty when no meter was found, or one that is not known.';
comment on column fridge.stripe_error_reports.error_count is
'Events refused in the window; there may be fewer samples.';

comment on table fridge.stripe_error_samples is 'One row per refused event that a report names; append only.';
comment on column fridge.stripe_error_samples.identifier is
'The identifier of the meter event, which is also its idempotency key.';
comment on column fridge.stripe_error_samples.code is 'Why it was refused, in Stripe''s code.';

comment on table fridge.stripe_reads is
'One row per piece of reading in Stripe''s books, with the number of requests; append only.';
comment on column fridge.stripe_reads.reads is 'Requests made; a page of a list is one.';
comment on column fridge.stripe_reads.purpose is 'reconciliation or refusals.';

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
