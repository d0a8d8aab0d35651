-- name: wait_for_load
-- The lock that every load of this landing file holds: a content that is being loaded now is then loaded.
select pg_advisory_xact_lock(hashtextextended(%(path)s, 0));

-- name: loaded_contents
-- Every content that was loaded under a path, and whether it is withdrawn.
with contents as (
    select
        file_id,
        landing_hour,
        inserted_count,
        duplicate_count,
        rejected_count
    from fridge.landing_files
    where path = %(path)s
)

select
    contents.file_id,
    contents.landing_hour,
    contents.inserted_count,
    contents.duplicate_count,
    contents.rejected_count,
    withdrawals.withdrawn_at,
    fridge.told_as(withdrawals.acted_by, withdrawals.withdrawn_by) as withdrawn_by,
    withdrawals.reason
from contents
left join fridge.withdrawals on contents.file_id = withdrawals.file_id
order by contents.file_id;

-- name: withdraw_files
-- The sweep finds the hour: it was counted from files that no longer are all usage.
insert into fridge.withdrawals (file_id, reason, withdrawn_by, withdrawn_at)
select
    withdrawn.file_id,
    %(reason)s as reason,
    %(withdrawn_by)s as withdrawn_by,
    %(now)s as withdrawn_at
from unnest(%(file_ids)s::integer[]) as withdrawn (file_id);

-- name: readings_of_files
-- What some landing files stored, per tenant; the time range lets PostgreSQL skip partitions.
with span as (
    select
        min(first_recorded_at) as first_at,
        max(last_recorded_at) as last_at
    from fridge.landing_files
    where file_id = any(%(file_ids)s)
),

stored as (
    select
        sensor_key,
        count(*) as readings
    from fridge.stored_readings
    where
        file_id = any(%(file_ids)s)
        and recorded_at >= (select span.first_at from span)
        and recorded_at <= (select span.last_at from span)
    group by sensor_key

    union all

    select
        sensor_key,
        sum(readings) as readings
    from fridge.dropped_reading_counts
    where file_id = any(%(file_ids)s)
    group by sensor_key
)

select
    sensors.tenant_id,
    sum(stored.readings)::bigint as readings
from stored
inner join fridge.sensors on stored.sensor_key = sensors.sensor_key
group by sensors.tenant_id
order by sensors.tenant_id;

-- name: paths_like
-- Paths that somebody may have meant: those of the same landing hour, and those of the same name elsewhere.
select distinct path
from fridge.landing_files
where
    landing_hour = %(hour)s::timestamptz
    or right(path, char_length(%(name)s::text) + 1) = '/' || %(name)s::text
order by path
limit 1000;

-- name: exception_to_settle
-- What is about one statement names its identifier, with cancel: before it for its cancellation.
select
    exceptions.exception_id,
    exceptions.kind,
    exceptions.tenant_id,
    exceptions.hour,
    exceptions.subject,
    coalesce(meter_events.event_name, exceptions.subject) as event_name,
    exceptions.owed,
    exceptions.closed_at
from fridge.exceptions
left join fridge.meter_events on replace(exceptions.subject, 'cancel:', '') = meter_events.identifier
where exceptions.exception_id = %(exception_id)s;

-- name: record_settlement
-- Kind, tenant, hour, who and when are the database's to fill in, and whether one person may decide it.
insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, shares, places, document, reason)
values (
    %(exception_id)s, %(event_name)s, %(how)s, %(quantity)s, %(shares)s, %(places)s, %(document)s, %(reason)s
)
returning
    settlement_id,
    exception_id,
    kind,
    tenant_id,
    hour,
    event_name,
    quantity,
    takes_two as waits;

-- name: decided_settlement
select
    decisions.settlement_id,
    decisions.exception_id,
    decisions.kind,
    decisions.tenant_id,
    decisions.hour,
    decisions.event_name,
    decisions.how,
    decisions.quantity,
    decisions.shares,
    decisions.places,
    approvals.settlement_id is not null as is_approved
from fridge.settlement_decisions as decisions
left join fridge.settlement_approvals as approvals on decisions.settlement_id = approvals.settlement_id
where decisions.settlement_id = %(settlement_id)s;

-- name: approve_settlement
insert into fridge.settlement_approvals (settlement_id)
values (%(settlement_id)s);

-- name: excess_in_stripe
-- What Stripe showed of a tenant's hour when it was last read, beyond what was stated and what was given back before.
select
    coalesce(sum(newest_stripe_sums.quantity), 0)
    - coalesce((
        select stated_usage.value
        from fridge.stated_usage
        where
            stated_usage.tenant_id = %(tenant_id)s
            and stated_usage.event_name = %(event_name)s
            and stated_usage.hour = %(hour)s
    ), 0)
    + coalesce((
        select settled_usage.credited_in_stripe
        from fridge.settled_usage
        where
            settled_usage.tenant_id = %(tenant_id)s
            and settled_usage.event_name = %(event_name)s
            and settled_usage.hour = %(hour)s
    ), 0) as excess
from fridge.newest_stripe_sums
where
    newest_stripe_sums.tenant_id = %(tenant_id)s
    and newest_stripe_sums.event_name = %(event_name)s
    and newest_stripe_sums.hour = %(hour)s;

-- name: end_exception
update fridge.exceptions
set closed_at = %(now)s
where exception_id = %(exception_id)s and closed_at is null;

-- name: differences_to_correct
-- Every comparison of the customers that have one reaching into a time, with the lines of its invoice that bill the
-- meter and whether a subscription goes on. Also those of other times: a correction belongs to one of them.
with asked as (
    select distinct stripe_customer_id
    from fridge.invoice_comparisons
    where
        period_end > %(since)s
        and period_start < %(until)s
        and (%(customer_id)s::text is null or stripe_customer_id = %(customer_id)s)
),

priced as materialized (
    select
        price_id,
        event_name
    from fridge.prices
),

-- On no invoice: what the customer's invoices beside that time have, and the subscription now.
discounted as materialized (
    select
        invoices.invoice_id,
        invoices.stripe_customer_id,
        priced.event_name,
        snapshots.period_start,
        snapshots.period_end
    from fridge.invoices
    inner join fridge.invoice_line_snapshots as snapshots on invoices.snapshot_id = snapshots.snapshot_id
    inner join priced on snapshots.price_id = priced.price_id
    where snapshots.is_discounted and priced.event_name is not null
    union all
    select
        null as invoice_id,
        items.stripe_customer_id,
        priced.event_name,
        '-infinity' as period_start,
        'infinity' as period_end
    from fridge.subscription_items as items
    inner join priced on items.price_id = priced.price_id
    where items.is_discounted
),

-- What credit notes of ours have left of a line.
credited as materialized (
    select
        corrections.invoice_id,
        lines.line_id,
        sum(lines.amount::bigint) as amount
    from fridge.corrections
    cross join lateral jsonb_each_text(corrections.invoice_lines) as lines (line_id, amount)
    where corrections.state = 'written'
    group by corrections.invoice_id, lines.line_id
),

-- And of an invoice, though it was read before they were made.
taken_off as materialized (
    select
        invoice_id,
        sum(amount) as amount
    from credited
    group by invoice_id
),

-- An invoice takes pending items of its own currency only.
subscribed as materialized (
    select
        stripe_customer_id,
        array_agg(currency) as currencies
    from fridge.subscription_items
    where goes_on
    group by stripe_customer_id
)

select
    compared.invoice_id,
    invoices.status,
    compared.stripe_customer_id as customer_id,
    compared.tenant_id,
    compared.event_name,
    compared.period_start,
    compared.period_end,
    compared.usage_quantity as usage,
    compared.accepted_quantity as accepted,
    compared.invoice_quantity as invoiced,
    compared.settled_quantity as settled,
    compared.cause,
    compared.amount,
    compared.currency,
    compared.price_id,
    subscribed.stripe_customer_id is not null and coalesce(compared.currency = any(subscribed.currencies), true)
        as is_subscribed,
    coalesce(lines.of_meter, '[]') as lines,
    exists(
        select 1 from discounted
        where
            discounted.stripe_customer_id = compared.stripe_customer_id
            and discounted.event_name = compared.event_name
            and discounted.period_end >= compared.period_start
            and discounted.period_start <= compared.period_end
            and (compared.invoice_id is null or discounted.invoice_id = compared.invoice_id)
    ) as is_discounted,
    exists(
        select 1
        from fridge.subscription_items as items
        inner join priced on items.price_id = priced.price_id
        where
            items.has_own_tax
            and items.stripe_customer_id = compared.stripe_customer_id
            and priced.event_name = compared.event_name
    ) as has_own_tax,
    invoices.total - greatest(invoices.credited, taken_off.amount) as creditable,
    case
        when compared.invoice_id is null then (
            select min(following.invoice_id)
            from fridge.invoice_comparisons as following
            where
                following.stripe_customer_id = compared.stripe_customer_id
                and following.event_name = compared.event_name
                and following.period_start = compared.period_end
                and following.cause = 'unexplained_line'
        )
    end as unexplained_next
from fridge.invoice_comparisons as compared
inner join asked on compared.stripe_customer_id = asked.stripe_customer_id
left join fridge.invoices on compared.invoice_id = invoices.invoice_id
left join subscribed on compared.stripe_customer_id = subscribed.stripe_customer_id
left join taken_off on compared.invoice_id = taken_off.invoice_id
cross join
    lateral (
        select
            jsonb_agg(
                jsonb_build_array(
                    snapshots.line_id, snapshots.price_id, snapshots.amount - coalesce(credited.amount, 0)
                )
                order by snapshots.line_number
            ) as of_meter
        from fridge.invoice_line_snapshots as snapshots
        inner join priced on snapshots.price_id = priced.price_id
        left join credited on invoices.invoice_id = credited.invoice_id and snapshots.line_id = credited.line_id
        where
            snapshots.snapshot_id = invoices.snapshot_id
            and priced.event_name = compared.event_name
            and snapshots.period_end >= compared.period_start
            and snapshots.period_start <= compared.period_end
    ) as lines
order by compared.stripe_customer_id, compared.event_name, compared.period_start, compared.invoice_id;

-- name: known_corrections
-- What was proposed of some customers, or one proposal, and what has become of it; the newest of a place last.
select
    proposal_id,
    correction_key,
    invoice_id,
    stripe_customer_id as customer_id,
    tenant_id,
    event_name,
    period_start,
    period_end,
    old_quantity,
    new_quantity,
    price_id,
    amount,
    currency,
    document_kind as kind,
    cause,
    invoice_lines as lines,
    state,
    proposed_by,
    approved_by,
    document,
    document_number,
    answer,
    amount_in_stripe
from fridge.corrections
where stripe_customer_id = any(%(customer_ids)s::text[]) or proposal_id = %(proposal_id)s::bigint
order by proposal_id;

-- name: add_correction_proposal
insert into fridge.correction_proposals (
    stripe_customer_id, tenant_id, event_name, invoice_id, period_start, period_end, old_quantity, new_quantity, delta,
    price_id, amount, currency, document_kind, invoice_lines, cause
) values (
    %(customer_id)s, %(tenant_id)s, %(event_name)s, %(invoice_id)s, %(period_start)s, %(period_end)s, %(old_quantity)s,
    %(new_quantity)s, %(delta)s, %(price_id)s, %(amount)s, %(currency)s, %(kind)s, %(lines)s, %(cause)s
);

-- name: approve_correction
insert into fridge.correction_approvals (proposal_id)
values (%(proposal_id)s);

-- name: try_correction_lock
-- For as long as the session writes this correction; no transaction is open meanwhile.
select pg_try_advisory_lock(hashtextextended('fridge.correction:' || %(proposal_id)s::bigint, 0));

-- name: end_correction_lock
select pg_advisory_unlock(hashtextextended('fridge.correction:' || %(proposal_id)s::bigint, 0));

-- name: begin_correction
insert into fridge.correction_attempts (proposal_id, begun_at, run_id)
values (%(proposal_id)s, %(now)s, %(run_id)s);

-- name: correction_last_begun
select max(begun_at) from fridge.correction_attempts
where proposal_id = %(proposal_id)s;

-- name: end_correction
insert into fridge.correction_documents (proposal_id, document, document_number, answer, written_at, run_id)
values (%(proposal_id)s, %(document)s, %(document_number)s, %(answer)s, %(now)s, %(run_id)s);

-- name: exception_of_correction
-- What a correction's document ends: the open exception of its period.
select exceptions.exception_id
from fridge.exceptions
where
    exceptions.kind = %(kind)s
    and exceptions.closed_at is null
    and exceptions.tenant_id is not distinct from %(tenant_id)s
    and exceptions.hour = date_trunc('hour', %(period_start)s::timestamptz, 'UTC')
    and exceptions.subject in (%(event_name)s::text, %(event_name)s::text || ' ' || %(customer_id)s::text);

-- name: told_since
-- Since when the like is told of a customer's period, whichever tenant had the customer: also before it was over for a
-- while, unless somebody has ended it.
with had_customer as (
    select tenant_id
    from fridge.tenant_changes
    where stripe_customer_id = %(customer_id)s
)

select min(exceptions.opened_at)
from fridge.exceptions
where
    exceptions.kind = %(kind)s
    and exceptions.hour = date_trunc('hour', %(period_start)s::timestamptz, 'UTC')
    and exceptions.subject in (%(event_name)s::text, %(event_name)s::text || ' ' || %(customer_id)s::text)
    and (
        exceptions.tenant_id is null
        or exceptions.tenant_id = %(tenant_id)s
        or exceptions.tenant_id in (select had_customer.tenant_id from had_customer)
    )
    and not exists (
        select 1 from fridge.settlements
        where settlements.exception_id = exceptions.exception_id
    );

-- name: settle_by_correction
insert into fridge.settlement_decisions (exception_id, event_name, how, quantity, document, reason, proposal_id)
values (%(exception_id)s, %(event_name)s, %(how)s, %(quantity)s, %(document)s, %(reason)s, %(proposal_id)s);
