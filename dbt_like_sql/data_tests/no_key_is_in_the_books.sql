-- Every column that takes words from elsewhere. The key is not shown again: only where it stands, and of what kind.
with texts as (
    select
        'exceptions.detail' as place,
        detail as words
    from fridge.exceptions

    union all

    select
        'meter_events.answer' as place,
        answer as words
    from fridge.meter_events

    union all

    select
        'meter_event_attempts.answer' as place,
        answer as words
    from fridge.meter_event_attempts

    union all

    select
        'meter_event_adjustments.answer' as place,
        answer as words
    from fridge.meter_event_adjustments

    union all

    select
        'stripe_reconciliation.detail' as place,
        detail as words
    from fridge.stripe_reconciliation

    union all

    select
        'stripe_error_samples.message' as place,
        message as words
    from fridge.stripe_error_samples

    union all

    select
        'alerts.title' as place,
        title as words
    from fridge.alerts

    union all

    select
        'releases.reason' as place,
        reason as words
    from fridge.releases

    union all

    select
        'withdrawals.reason' as place,
        reason as words
    from fridge.withdrawals

    union all

    select
        'month_signoffs.reason' as place,
        reason as words
    from fridge.month_signoffs

    union all

    select
        'tenants.name' as place,
        name as words
    from fridge.tenants

    union all

    select
        'landing_files.path' as place,
        path as words
    from fridge.landing_files
),

found as (
    select
        place,
        substring(words from '([rs]k_(live|test)_)[0-9A-Za-z]{16,}') as key_begins
    from texts
)

select
    place,
    key_begins,
    count(*) as entries
from found
where key_begins is not null
group by place, key_begins
