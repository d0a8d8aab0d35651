-- Reports name samples only: all statements of the meter that were under way in the validation window may be refused.
-- Of each day the report that was collected last.
with reports as (
    select *
    from fridge.stripe_error_reports
    where report_id = any(%(report_ids)s)
),

touched as (
    select
        reports.report_id,
        reports.collected_at,
        meter_events.hour
    from reports
    inner join fridge.meter_events
        on
            meter_events.first_sent_at between reports.validation_start - %(longest)s::interval
            and reports.validation_end + %(margin)s::interval
            and coalesce(meter_events.settled_at, meter_events.last_sent_at)
            >= reports.validation_start - %(margin)s::interval
            and meter_events.event_name = coalesce(reports.event_name, meter_events.event_name)

    union all

    select
        reports.report_id,
        reports.collected_at,
        meter_events.hour
    from reports
    inner join fridge.stripe_error_samples on reports.report_id = stripe_error_samples.report_id
    inner join fridge.meter_events on stripe_error_samples.identifier = meter_events.identifier
)

select distinct on (day)
    (hour at time zone 'UTC')::date as day,
    report_id
from touched
order by day asc, collected_at desc, report_id asc;
