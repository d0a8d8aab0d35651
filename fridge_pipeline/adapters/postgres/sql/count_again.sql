-- A total that Stripe refused after its receipt never replaced the one before it: the newest earlier one that Stripe
-- has, and has not refused itself, counts again. Not where another tenant has the customer's hour by now.
update fridge.meter_events
set status = 'accepted'
where
    meter_events.identifier = (
        select earlier.identifier
        from fridge.meter_events as refused
        inner join fridge.meter_events as earlier
            on
                refused.event_name = earlier.event_name
                and refused.tenant_id = earlier.tenant_id
                and refused.hour = earlier.hour
                and refused.revision > earlier.revision
        where
            refused.identifier = %(identifier)s
            and refused.status = 'refused'
            and not refused.is_difference
            and earlier.status = 'superseded'
            and earlier.settled_at is not null
            and (
                exists (
                    select 1 from fridge.meter_event_attempts
                    where
                        meter_event_attempts.identifier = earlier.identifier
                        and meter_event_attempts.outcome in ('accepted', 'duplicate')
                )
                -- Its answer was lost, and Stripe's own sum showed it.
                or exists (
                    select 1 from fridge.stripe_readbacks
                    where
                        stripe_readbacks.identifier = earlier.identifier
                        and stripe_readbacks.verdict = 'counted'
                        and not stripe_readbacks.is_cancellation
                )
            )
            and not exists (
                select 1 from fridge.stripe_error_samples
                where
                    stripe_error_samples.identifier = earlier.identifier
                    or starts_with(stripe_error_samples.identifier, earlier.identifier || '#')
            )
            and not exists (
                select 1 from fridge.customer_hours
                where
                    customer_hours.stripe_customer_id = earlier.stripe_customer_id
                    and customer_hours.event_name = earlier.event_name
                    and customer_hours.hour = earlier.hour
            )
        order by earlier.revision desc
        limit 1
    );
