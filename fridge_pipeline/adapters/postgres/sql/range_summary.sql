-- What a range of hours came to, as it stands in the books now.
with files as (
    select
        count(*) as files,
        count(distinct landing_hour) as hours,
        coalesce(sum(row_count), 0)::bigint as row_count,
        coalesce(sum(inserted_count), 0)::bigint as inserted_count,
        coalesce(sum(duplicate_count), 0)::bigint as duplicate_count,
        coalesce(sum(rejected_count), 0)::bigint as rejected_count
    from fridge.landing_files
    where landing_hour between %(first)s and %(last)s
),

events as (
    select
        count(*) filter (where status = 'accepted') as accepted,
        count(*) filter (where status in ('staged', 'sent', 'unknown')) as undelivered,
        -- Hours of which Stripe has something and of which nothing is left to say.
        count(distinct hour) filter (
            where status = 'accepted'
            and not exists (
                select 1 from fridge.meter_events as waiting
                where waiting.hour = meter_events.hour and waiting.status in ('staged', 'sent', 'unknown')
            )
        ) as hours_billed
    from fridge.meter_events
    where hour between %(first)s and %(last)s
),

differences as (
    select count(*) as exceptions
    from fridge.exceptions
    where hour between %(first)s and %(last)s and closed_at is null
)

select
    events.hours_billed,
    files.hours,
    files.files,
    files.row_count,
    files.inserted_count,
    files.duplicate_count,
    files.rejected_count,
    events.accepted,
    events.undelivered,
    differences.exceptions
from files
cross join events
cross join differences;
