-- Customers without usage are read too, by one sum over many days.
create table fridge.stripe_range_reads (
    range_read_id bigint generated always as identity primary key,
    tenant_id text not null,
    event_name text not null,
    stripe_customer_id text not null,
    first_day date not null,
    last_day date not null,
    quantity numeric not null,
    read_at timestamptz not null,
    run_id text not null,
    constraint stripe_range_reads_in_order check (first_day <= last_day)
);

create index stripe_range_reads_newest on fridge.stripe_range_reads (
    event_name, stripe_customer_id, tenant_id, read_at
);

create trigger stripe_range_reads_append_only before update or delete on fridge.stripe_range_reads
for each row execute function fridge.refuse_change();
create trigger stripe_range_reads_no_truncate before truncate on fridge.stripe_range_reads
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.stripe_range_reads from current_user;

comment on table fridge.stripe_range_reads is
'One row per reading of a mapped customer and meter without usage: one sum over a range of days; append only.';
comment on column fridge.stripe_range_reads.event_name is 'The meter.';
comment on column fridge.stripe_range_reads.first_day is 'First UTC day.';
comment on column fridge.stripe_range_reads.last_day is 'Last UTC day, included.';
comment on column fridge.stripe_range_reads.quantity is
'What Stripe answered, 0 for nothing. Where it is more, days and hours of it were read: stripe_day_reads, stripe_sums.';
comment on column fridge.stripe_range_reads.read_at is 'When Stripe was asked.';
comment on column fridge.stripe_range_reads.run_id is 'The run that asked.';

insert into fridge.pipeline_rights (relation) values ('stripe_range_reads');
