-- Each number is one more than that of the signature before; earlier ones had gaps of their own.
with numbered as (
    select
        signoff_id,
        acted_by,
        lag(signoff_id) over (order by signoff_id) as number_before
    from fridge.stg_month_signoffs
)

select
    signoff_id,
    number_before
from numbered
where acted_by is not null and signoff_id <> coalesce(number_before, 0) + 1
