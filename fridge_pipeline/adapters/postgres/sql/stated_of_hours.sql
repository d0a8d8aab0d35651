-- What the accepted statements of a range of hours come to.
select
    hour,
    tenant_id,
    event_name,
    sum(value)::bigint as stated
from fridge.meter_events
where hour between %(first)s and %(last)s and status = 'accepted'
group by hour, tenant_id, event_name
order by hour, tenant_id, event_name;
