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
                hour_outcomes.hour,
                hour_outcomes.meter,
                hour_outcomes.outcome,
                hour_outcomes.cause,
                hour_outcomes.quantity
            from fridge.hour_outcomes
            where hour_outcomes.hour = hours.hour
            limit all offset 0 -- noqa: AM09
        ) as of_hour
),

kept as (
    select
        kept_outcomes.hour,
        kept_outcomes.meter,
        kept_outcomes.outcome,
        kept_outcomes.cause,
        kept_outcomes.quantity
    from fridge.kept_outcomes
    inner join hours on kept_outcomes.hour = hours.hour
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
