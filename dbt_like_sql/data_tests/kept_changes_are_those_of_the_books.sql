with shown as (
    select distinct kept.hour
    from fridge.kept_outcomes as kept
    inner join fridge.stg_signed_months as signed_months
        on
            kept.hour >= signed_months.usage_month::timestamp at time zone 'UTC'
            and kept.hour < (signed_months.usage_month + interval '1 month') at time zone 'UTC'
    where kept.hour not in (select hours_not_kept.hour from fridge.hours_not_kept)
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
            select signed_changes.*
            from fridge.signed_changes
            where signed_changes.hour = hours.hour
            limit all offset 0 -- noqa: AM09
        ) as of_hour
),

kept as (
    select kept_signed_changes.*
    from fridge.kept_signed_changes
    inner join hours on kept_signed_changes.hour = hours.hour
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
