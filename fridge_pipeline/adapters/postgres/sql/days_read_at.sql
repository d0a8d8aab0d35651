-- When each day of a range was last read in full; a day of which something was never read is left out.
select
    day,
    min(read_at) as read_at
from fridge.stripe_reconciliation
where
    day between %(first_day)s and %(last_day)s
    and hour is null
    and stripe_customer_id is not null
group by day
having bool_and(read_at is not null)
order by day;
