-- A meter that was removed and came back with another measure had its billed hours sent anew as that measure.
create table fridge.sent_meters (
    event_name text primary key,
    measure text not null
);

comment on table fridge.sent_meters is 'One row per meter that usage was sent to: of which measure.';

insert into fridge.pipeline_rights (relation, updates) values ('sent_meters', '{ measure }');

insert into fridge.sent_meters (event_name, measure)
select
    meters.event_name,
    meters.measure
from fridge.meters
where
    exists (
        select 1 from fridge.meter_events
        where meter_events.event_name = meters.event_name and meter_events.first_sent_at is not null
    );
