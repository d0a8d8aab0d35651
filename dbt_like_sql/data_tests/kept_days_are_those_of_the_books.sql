with shown as (
    select distinct usage_date
    from fridge.kept_tenant_days
    where
        usage_date
        not in (select (hours_not_kept.hour at time zone 'UTC')::date from fridge.hours_not_kept)
),

newest as (
    select usage_date
    from shown
    order by usage_date desc
    limit 3
),

days as (
    select usage_date
    from newest
    union
    select usage_date
    from shown
    where mod(usage_date - date '2000-01-01', 100) = mod(extract(doy from now())::integer, 100)
),

books as (
    select of_day.*
    from days
    cross join
        lateral (
            select tenant_days_of_books.*
            from fridge.tenant_days_of_books
            where tenant_days_of_books.usage_date = days.usage_date
            limit all offset 0 -- noqa: AM09
        ) as of_day
),

kept as (
    select kept_tenant_days.*
    from fridge.kept_tenant_days
    inner join days on kept_tenant_days.usage_date = days.usage_date
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
