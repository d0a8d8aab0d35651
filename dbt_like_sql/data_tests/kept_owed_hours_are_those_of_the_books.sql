with shown as (
    select distinct hour
    from fridge.kept_outcomes
    where hour not in (select hours_not_kept.hour from fridge.hours_not_kept)
),

newest as (
    select hour
    from shown
    order by hour desc
    limit 48
),

hours as (
    select hour
    from newest
    union
    select hour
    from shown
    where mod(extract(epoch from hour)::bigint / 3600, 400) = mod(extract(doy from now())::bigint, 400)
),

books as (
    select of_hour.*
    from hours
    cross join
        lateral (
            select
                owed_hours.hour,
                owed_hours.tenant_id,
                owed_hours.meter,
                owed_hours.cause,
                owed_hours.quantity
            from fridge.owed_hours
            where owed_hours.hour = hours.hour
            limit all offset 0 -- noqa: AM09
        ) as of_hour
),

kept as (
    select
        kept_owed_hours.hour,
        kept_owed_hours.tenant_id,
        kept_owed_hours.meter,
        kept_owed_hours.cause,
        kept_owed_hours.quantity
    from fridge.kept_owed_hours
    inner join hours on kept_owed_hours.hour = hours.hour
)

select
    'kept' as found_in,
    kept_only.*
from (
    select * from kept
    except
    select * from books
) as kept_only
union all
select
    'books' as found_in,
    books_only.*
from (
    select * from books
    except
    select * from kept
) as books_only
