-- Months that have a partition and ended by a given time, the oldest first, with the bytes they take.
with partitions as (
    select
        inhrelid,
        (to_timestamp(right(inhrelid::regclass::text, 7), 'YYYY_MM')::timestamp at time zone 'UTC') as month
    from pg_inherits
    where inhparent = 'fridge.stored_readings'::regclass
)

select
    month,
    pg_total_relation_size(inhrelid)::bigint as size_bytes
from partitions
where date_trunc('month', month + interval '40 days', 'UTC') <= %(before)s
order by month;
