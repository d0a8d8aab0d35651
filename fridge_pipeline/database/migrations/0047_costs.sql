-- What a quantity costs, for the accrual of unbilled usage.

-- What a period's quantity costs at a price of fridge.prices, in minor units and not rounded; null where Stripe gives
-- no amount. The same as invoices/rules/price_amount.py, which a test compares it with.
create function fridge.cost_of(
    quantity numeric, unit_amount numeric, tiers_mode text, tiers jsonb, divide_by integer, rounds_up boolean
) returns numeric
language sql immutable as $$
    select case
        when quantity <= 0 then 0
        when tiers_mode is null then unit_amount * case
            when divide_by is null then quantity
            when rounds_up then ceil(quantity / divide_by)
            else floor(quantity / divide_by)
        end
        when tiers_mode = 'volume' then (
            select quantity * (tier ->> 'unit_amount')::numeric + (tier ->> 'flat_amount')::numeric
            from jsonb_array_elements(tiers) with ordinality as every (tier, position)
            where coalesce(quantity <= (tier ->> 'up_to')::numeric, true)
            order by position
            limit 1
        )
        else (
            select sum((least(quantity, up_to) - below) * unit + flat)
            from (
                select
                    (tier ->> 'up_to')::numeric as up_to,
                    coalesce(lag((tier ->> 'up_to')::numeric) over (order by position), 0) as below,
                    (tier ->> 'unit_amount')::numeric as unit,
                    (tier ->> 'flat_amount')::numeric as flat
                from jsonb_array_elements(tiers) with ordinality as every (tier, position)
            ) as layers
            where quantity > below
        )
    end;
$$;
