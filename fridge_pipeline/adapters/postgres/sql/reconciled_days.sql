-- What each day of a range came to, over its tenants, meters and customers.
with accounts as (
    select
        day,
        stripe_customer_id,
        read_at,
        cause
    from fridge.stripe_reconciliation
    where day between %(first_day)s and %(last_day)s and hour is null
),

causes as (
    select
        day,
        cause,
        count(*) as accounts
    from accounts
    where cause is not null
    group by day, cause
)

select
    accounts.day,
    count(*) as accounts,
    count(*) filter (where accounts.read_at is not null and accounts.stripe_customer_id is not null) as compared,
    count(*) filter (where accounts.read_at is not null and accounts.cause is null) as agreeing,
    count(*) filter (where accounts.read_at is null and accounts.stripe_customer_id is not null) as not_read,
    coalesce(
        (
            select jsonb_object_agg(causes.cause, causes.accounts)
            from causes
            where causes.day = accounts.day
        ), '{}'
    ) as causes
from accounts
group by accounts.day
order by accounts.day;
