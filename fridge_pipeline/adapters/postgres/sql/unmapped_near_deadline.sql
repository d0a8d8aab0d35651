-- The bounds are of the hour and not of bill_until, so that only a few days of usage are read.
select
    tenant_id,
    meter,
    sum(quantity)::bigint as quantity,
    count(*) as hours,
    min(bill_until) as bill_until
from fridge.unmapped_usage
where hour > %(too_late_until)s and hour < %(near_until)s
group by tenant_id, meter
order by min(bill_until) asc, tenant_id asc, meter asc;
