-- materialized: view
select
    use_id,
    mode,
    host,
    account_id,
    used_since,
    lead(used_since) over (order by use_id) as used_until
from fridge.stg_stripe_uses
