-- Per tenant, meter and hour: usage now, what Stripe has (its accepted statements), the newest revision of all.
-- Of statements of totals only one is accepted at a time, so a sum serves meters that add up and others alike.
-- Settled cases are left out where a comparison of numbers is enough to know them.
with metered_usage as (
    select
        measured_usage.tenant_id,
        measured_usage.hour,
        measured_usage.value,
        catalogue.event_name
    from fridge.measured_usage
    inner join unnest(%(event_names)s::text[], %(measures)s::text[]) as catalogue (event_name, measure)
        on measured_usage.measure = catalogue.measure
    where measured_usage.hour between %(first)s and %(last)s
),

latest as (
    select distinct on (event_name, tenant_id, hour) *
    from fridge.meter_events
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
    order by event_name asc, tenant_id asc, hour asc, revision desc
),

stated as (
    select
        event_name,
        tenant_id,
        hour,
        sum(value)::bigint as value,
        (array_agg(stripe_customer_id order by revision desc))[1] as stripe_customer_id
    from fridge.meter_events
    where
        hour between %(first)s and %(last)s
        and event_name = any(%(event_names)s)
        and status = 'accepted'
    group by event_name, tenant_id, hour
),

cancelling as (
    select distinct
        meter_events.event_name,
        meter_events.tenant_id,
        meter_events.hour
    from fridge.meter_event_adjustments
    inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
    where
        meter_events.hour between %(first)s and %(last)s
        and meter_event_adjustments.status in ('staged', 'sent', 'unknown')
),

-- Whoever has something undecided or counting for a customer's hour; more than one only in books of the past.
taken as (
    select
        stripe_customer_id,
        event_name,
        hour,
        array_agg(tenant_id order by tenant_id) as tenant_ids
    from fridge.customer_hours
    where hour between %(first)s and %(last)s and event_name = any(%(event_names)s)
    group by stripe_customer_id, event_name, hour
),

cases as (
    select
        coalesce(metered_usage.tenant_id, latest.tenant_id) as tenant_id,
        coalesce(metered_usage.event_name, latest.event_name) as event_name,
        coalesce(metered_usage.hour, latest.hour) as hour,
        metered_usage.value,
        latest.revision as latest_revision,
        latest.value as latest_value,
        latest.status as latest_status,
        latest.stripe_customer_id as latest_customer_id,
        latest.identifier as latest_identifier,
        latest.answer as latest_answer,
        latest.request_id as latest_request_id
    from metered_usage
    full join latest
        on
            metered_usage.tenant_id = latest.tenant_id
            and metered_usage.event_name = latest.event_name
            and metered_usage.hour = latest.hour
)

select
    cases.tenant_id,
    cases.event_name,
    cases.hour,
    cases.value,
    tenants.stripe_customer_id as mapped_customer_id,
    stated.value as stated_value,
    stated.stripe_customer_id as stated_customer_id,
    cases.latest_revision,
    cases.latest_value,
    cases.latest_status,
    cases.latest_customer_id,
    exists(
        select 1 from fridge.exceptions
        where
            exceptions.closed_at is null
            and (
                (exceptions.kind = 'refused' and exceptions.subject = cases.latest_identifier)
                or (
                    exceptions.kind = 'customer_gone'
                    and exceptions.subject = cases.event_name
                    and exceptions.tenant_id = cases.tenant_id
                    and exceptions.hour = cases.hour
                )
            )
    ) as refusal_open,
    cases.latest_answer,
    cases.latest_request_id,
    case when cases.latest_status = 'refused' then (
        select
            json_agg(
                json_build_array(
                    stripe_error_samples.code, stripe_error_samples.message, stripe_error_samples.report_id
                )
                order by stripe_error_samples.report_id, stripe_error_samples.code
            )
        from fridge.stripe_error_samples
        where
            stripe_error_samples.identifier = cases.latest_identifier
            or starts_with(stripe_error_samples.identifier, cases.latest_identifier || '#')
    ) end as reports,
    (
        select min(others.tenant_id)
        from unnest(taken.tenant_ids) as others (tenant_id)
        where others.tenant_id <> cases.tenant_id
    ) as taken_by,
    cancelling.hour is not null as cancelling,
    closed_months.closed_by,
    cases.hour >= (select billing_start.bill_from from fridge.billing_start) as is_billed
from cases
left join fridge.tenants on cases.tenant_id = tenants.tenant_id
left join stated
    on
        cases.tenant_id = stated.tenant_id
        and cases.event_name = stated.event_name
        and cases.hour = stated.hour
left join taken
    on
        taken.stripe_customer_id = case
            when stated.value <> 0 then stated.stripe_customer_id
            else tenants.stripe_customer_id
        end
        and cases.event_name = taken.event_name
        and cases.hour = taken.hour
left join cancelling
    on
        cases.tenant_id = cancelling.tenant_id
        and cases.event_name = cancelling.event_name
        and cases.hour = cancelling.hour
left join fridge.closed_months on date_trunc('month', cases.hour, 'UTC') = closed_months.starts_at
where
    cases.latest_status is distinct from 'accepted'
    or cases.value is distinct from stated.value
order by cases.hour, cases.event_name, cases.tenant_id;
