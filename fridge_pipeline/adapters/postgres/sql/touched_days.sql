-- Reports name samples only: all statements of the meter that were under way in the validation window may be refused.
-- Of each day the report that was collected last.
with reports as (
    select *
    from fridge.stripe_error_reports
    where report_id = any(%(report_ids)s)
),

-- Statements are sent and settled by the batch, so these are few, however many statements and reports there are.
batches as (
    select distinct
        event_name,
        first_sent_at,
        coalesce(settled_at, last_sent_at) as under_way_until,
        (hour at time zone 'UTC')::date as day
    from fridge.meter_events
    where
        first_sent_at between
        (select min(reports.validation_start) from reports) - %(longest)s::interval
        and (select max(reports.validation_end) from reports) + %(margin)s::interval
),

touched as (
    select
        reports.report_id,
        reports.collected_at,
        batches.day
    from reports
    inner join batches
        on
            batches.first_sent_at <= reports.validation_end + %(margin)s::interval
            and batches.under_way_until >= reports.validation_start - %(margin)s::interval
            and batches.event_name = coalesce(reports.event_name, batches.event_name)

    union all

    select
        reports.report_id,
        reports.collected_at,
        (meter_events.hour at time zone 'UTC')::date as day
    from reports
    inner join fridge.stripe_error_samples on reports.report_id = stripe_error_samples.report_id
    inner join fridge.meter_events on stripe_error_samples.identifier = meter_events.identifier
)

select distinct on (day)
    day,
    report_id
from touched
order by day asc, collected_at desc, report_id asc;
