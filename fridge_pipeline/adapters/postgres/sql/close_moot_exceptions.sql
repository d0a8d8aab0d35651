-- What stood in the way of billing is over when there is nothing left to bill, because usage is what Stripe has, or
-- when the tenant has a customer, the month is open again, or what was held is released: if something else stands in
-- the way now, that is an exception of its own. What is told of many tenants at once names none (close_told_together).
with catalogue as (
    select
        event_name,
        measure
    from unnest(%(event_names)s::text[], %(measures)s::text[]) as meters (event_name, measure)
)

update fridge.exceptions
set closed_at = %(now)s
where
    exceptions.closed_at is null
    and exceptions.tenant_id is not null
    and exceptions.kind in (
        select exception_kinds.kind
        from fridge.exception_kinds
        where exception_kinds.waits and exception_kinds.subject = 'meter'
    )
    and exceptions.hour between %(first)s and %(last)s
    and exceptions.subject = any(%(event_names)s)
    and (
        (
            exceptions.kind = 'unmapped'
            and exists (
                select 1 from fridge.tenants
                where tenants.tenant_id = exceptions.tenant_id and tenants.stripe_customer_id is not null
            )
        )
        or (exceptions.kind = 'month_closed' and not fridge.month_is_closed(exceptions.hour))
        or (
            exceptions.kind = 'held_for_review'
            and exists (
                select 1
                from fridge.released_usage
                inner join catalogue on released_usage.measure = catalogue.measure
                where
                    catalogue.event_name = exceptions.subject
                    and coalesce(released_usage.event_name, exceptions.subject) = exceptions.subject
                    and released_usage.tenant_id = exceptions.tenant_id
                    and released_usage.hour = exceptions.hour
            )
        )
        or coalesce((
            select sum(meter_events.value)
            from fridge.meter_events
            where
                meter_events.event_name = exceptions.subject
                and meter_events.tenant_id = exceptions.tenant_id
                and meter_events.hour = exceptions.hour
                and meter_events.status = 'accepted'
        ), 0) = coalesce((
            select measured_usage.value
            from fridge.measured_usage
            inner join catalogue on measured_usage.measure = catalogue.measure
            where
                catalogue.event_name = exceptions.subject
                and measured_usage.tenant_id = exceptions.tenant_id
                and measured_usage.hour = exceptions.hour
        ), 0)
    );
