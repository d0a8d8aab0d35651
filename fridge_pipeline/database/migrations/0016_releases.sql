-- Usage that was held for review, because it is far outside the tenant's own history, and that somebody let through.
create table fridge.releases (
    release_id bigint generated always as identity primary key,
    tenant_id text not null,
    hour timestamptz not null,
    event_name text,
    value bigint not null,
    released_by text not null,
    reason text not null,
    released_at timestamptz not null,
    constraint releases_released_by_not_empty check (released_by ~ '\S'),
    constraint releases_reason_not_empty check (reason ~ '\S')
);

create index releases_tenant_hour on fridge.releases (tenant_id, hour);

create trigger releases_append_only before update or delete on fridge.releases
for each row execute function fridge.refuse_change();
create trigger releases_no_truncate before truncate on fridge.releases
for each statement execute function fridge.refuse_change();
revoke update, delete, truncate on fridge.releases from current_user;

comment on table fridge.releases is
'One row per decision that usage held for review is right and is to be billed. Append only.';
comment on column fridge.releases.event_name is 'The meter; empty means every meter.';
comment on column fridge.releases.value is 'The usage that was released: more than this is judged anew.';

create view fridge.released_usage as
select
    releases.tenant_id,
    releases.hour,
    releases.event_name,
    measured_usage.measure
from fridge.releases
inner join fridge.measured_usage
    on
        releases.tenant_id = measured_usage.tenant_id
        and releases.hour = measured_usage.hour
        and releases.value >= measured_usage.value;

comment on view fridge.released_usage is
'One row per release and measure whose usage is, as it is now, not more than what was released.';
comment on column fridge.released_usage.event_name is 'The meter that was released; empty means every meter.';
