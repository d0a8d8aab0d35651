-- materialized: view
with tie_out as (
    select * from fridge.tie_out
    where cause is not null
),

difference_causes as (
    select * from fridge.difference_causes
),

differences as (
    select
        tie_out.tenant_id,
        tie_out.meter,
        tie_out.hour,
        steps.step,
        steps.expected,
        steps.found,
        steps.amount,
        steps.cause
    from tie_out
    cross join
        lateral (
            values
            (
                'files',
                tie_out.derived_quantity - tie_out.difference_in_files,
                tie_out.derived_quantity,
                tie_out.difference_in_files,
                tie_out.cause_in_files
            ),
            (
                'usage',
                coalesce(tie_out.usage_quantity, 0) - tie_out.difference_in_usage,
                tie_out.usage_quantity,
                tie_out.difference_in_usage,
                tie_out.cause_in_usage
            ),
            (
                'ledger',
                tie_out.usage_quantity,
                tie_out.stated_quantity,
                tie_out.difference_in_ledger,
                tie_out.cause_in_ledger
            ),
            (
                'stripe',
                tie_out.stated_quantity,
                tie_out.stripe_quantity,
                tie_out.difference_in_stripe,
                tie_out.cause_in_stripe
            )
        ) as steps (step, expected, found, amount, cause)
    where steps.cause is not null
),

final as (
    select
        differences.tenant_id,
        differences.meter,
        differences.hour,
        differences.step,
        differences.expected,
        differences.found,
        differences.amount,
        differences.cause,
        difference_causes.is_explained,
        difference_causes.meaning as detail
    from differences
    inner join difference_causes on differences.cause = difference_causes.cause
)

select * from final
