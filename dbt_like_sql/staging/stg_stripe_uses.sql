-- materialized: view
select
    use_id,
    mode,
    host,
    account_id,
    used_since
from fridge.stripe_uses
