-- Statements of the feature invoices; ``database/queries.py`` reads them by their names.

-- name: known_invoices
-- Invoices as they were read last: what has not changed since is not written again.
select distinct on (invoice_id)
    invoice_id,
    content_hash
from fridge.invoice_snapshots
where invoice_id = any(%(invoice_ids)s)
order by invoice_id asc, snapshot_id desc;

-- name: drafts_of_day
select invoice_id
from (
    select distinct on (invoice_id)
        invoice_id,
        status
    from fridge.invoice_snapshots
    where created_at >= %(since)s and created_at < %(until)s
    order by invoice_id asc, snapshot_id desc
) as newest
where status = 'draft';

-- name: add_invoice_snapshot
insert into fridge.invoice_snapshots (
    invoice_id, stripe_customer_id, status, billing_reason, currency, created_at, finalized_at, finalizes_at, "number",
    total, credited, content_hash, read_at, run_id
) values (
    %(invoice_id)s, %(customer_id)s, %(status)s, %(billing_reason)s, %(currency)s, %(created_at)s, %(finalized_at)s,
    %(finalizes_at)s, %(number)s, %(total)s, %(credited)s, %(content_hash)s, %(read_at)s, %(run_id)s
)
returning snapshot_id;

-- name: add_invoice_line
insert into fridge.invoice_line_snapshots (
    snapshot_id, line_number, line_id, price_id, stripe_subscription_id, subscription_item_id, period_start, period_end,
    quantity, amount, is_invoice_item, is_proration, is_discounted
) values (
    %(snapshot_id)s, %(line_number)s, %(line_id)s, %(price_id)s, %(subscription_id)s, %(item_id)s, %(period_start)s,
    %(period_end)s, %(quantity)s, %(amount)s, %(is_invoice_item)s, %(is_proration)s,
    %(is_discounted)s
);

-- name: delete_invoice
-- A draft that Stripe shows no more: the snapshot says so, and has the lines that it had.
with snapshot as (
    insert into fridge.invoice_snapshots (
        invoice_id, stripe_customer_id, status, billing_reason, currency, created_at, finalized_at, finalizes_at,
        "number", total, credited, content_hash, read_at, run_id
    )
    select
        invoice_id,
        stripe_customer_id,
        'deleted' as status,
        billing_reason,
        currency,
        created_at,
        finalized_at,
        finalizes_at,
        "number",
        total,
        credited,
        'deleted' as content_hash,
        %(read_at)s as read_at,
        %(run_id)s as run_id
    from fridge.invoices
    where invoice_id = %(invoice_id)s
    returning snapshot_id
)

insert into fridge.invoice_line_snapshots (
    snapshot_id, line_number, line_id, price_id, stripe_subscription_id, subscription_item_id, period_start, period_end,
    quantity, amount, is_invoice_item, is_proration, is_discounted
)
select
    snapshot.snapshot_id,
    lines.line_number,
    lines.line_id,
    lines.price_id,
    lines.stripe_subscription_id,
    lines.subscription_item_id,
    lines.period_start,
    lines.period_end,
    lines.quantity,
    lines.amount,
    lines.is_invoice_item,
    lines.is_proration,
    lines.is_discounted
from fridge.invoices
inner join fridge.invoice_line_snapshots as lines on invoices.snapshot_id = lines.snapshot_id
cross join snapshot
where invoices.invoice_id = %(invoice_id)s;

-- name: known_prices
select
    price_id,
    event_name,
    currency,
    unit_amount,
    tiers_mode,
    tiers,
    divide_by,
    rounds_up,
    content_hash
from fridge.prices;

-- name: add_price
insert into fridge.price_snapshots (
    price_id, event_name, currency, unit_amount, tiers_mode, tiers, divide_by, rounds_up, content_hash, read_at, run_id
) values (
    %(price_id)s, %(event_name)s, %(currency)s, %(unit_amount)s, %(tiers_mode)s, %(tiers)s, %(divide_by)s,
    %(rounds_up)s, %(content_hash)s, %(read_at)s, %(run_id)s
);

-- name: known_items
select
    item_id,
    stripe_subscription_id as subscription_id,
    stripe_customer_id as customer_id,
    price_id,
    status,
    created_at,
    period_start,
    period_end,
    ended_at,
    content_hash,
    trial_start,
    trial_end,
    is_discounted,
    currency,
    has_own_tax
from fridge.subscription_items
where %(customer_ids)s::text[] is null or stripe_customer_id = any(%(customer_ids)s::text[]);

-- name: item_readings
-- What was read of some items, in its order: periods and trials that reach into a time, and all pauses.
select
    item_id,
    price_id,
    status,
    period_start,
    period_end,
    trial_start,
    trial_end,
    read_at
from fridge.subscription_item_snapshots
where
    item_id = any(%(item_ids)s)
    and (greatest(period_end, trial_end) > %(since)s or status = 'paused')
order by item_id, snapshot_id;

-- name: add_item
insert into fridge.subscription_item_snapshots (
    item_id, stripe_subscription_id, stripe_customer_id, price_id, status, created_at, period_start, period_end,
    ended_at, content_hash, read_at, run_id, trial_start, trial_end, is_discounted,
    currency, has_own_tax
) values (
    %(item_id)s, %(subscription_id)s, %(customer_id)s, %(price_id)s, %(status)s, %(created_at)s, %(period_start)s,
    %(period_end)s, %(ended_at)s, %(content_hash)s, %(read_at)s, %(run_id)s, %(trial_start)s, %(trial_end)s,
    %(is_discounted)s, %(currency)s, %(has_own_tax)s
);

-- name: add_invoice_day
insert into fridge.invoice_day_reads (day, invoices, read_at, run_id)
values (%(day)s, %(invoices)s, %(read_at)s, %(run_id)s);

-- name: invoice_days_read
-- The days of which all invoices were read after the day was over, and today when it was read at all.
select
    day,
    max(read_at) as read_at
from fridge.invoice_day_reads
where read_at >= (day + 1)::timestamp at time zone 'UTC' or day = %(today)s
group by day
order by day;

-- name: days_last_read
select
    day,
    max(read_at) as read_at
from fridge.invoice_day_reads
where day = any(%(days)s)
group by day;

-- name: days_with_drafts
-- The days on which invoices were created that were drafts when they were read last, and their ids.
select
    (created_at at time zone 'UTC')::date as day,
    array_agg(invoice_id order by invoice_id) as invoice_ids
from fridge.invoices
where status = 'draft'
group by (created_at at time zone 'UTC')::date
order by day;

-- name: recent_invoices
-- Invoices of some customers that were created or have changed since, with all their lines; a line a row. An invoice
-- stays with its customer, so only theirs are looked through for the newest.
with invoices as (
    select distinct on (invoice_id) *
    from fridge.invoice_snapshots
    where stripe_customer_id = any(%(customer_ids)s)
    order by invoice_id asc, snapshot_id desc
)

select
    invoices.invoice_id,
    invoices.stripe_customer_id as customer_id,
    invoices.status,
    invoices.billing_reason,
    invoices.currency,
    invoices.created_at,
    invoices.finalized_at,
    invoices.finalizes_at,
    invoices."number",
    invoices.total,
    invoices.credited,
    invoice_line_snapshots.line_id,
    invoice_line_snapshots.price_id,
    invoice_line_snapshots.stripe_subscription_id as subscription_id,
    invoice_line_snapshots.subscription_item_id as item_id,
    invoice_line_snapshots.period_start,
    invoice_line_snapshots.period_end,
    invoice_line_snapshots.quantity,
    invoice_line_snapshots.amount,
    invoice_line_snapshots.is_invoice_item,
    invoice_line_snapshots.is_proration,
    invoice_line_snapshots.is_discounted
from invoices
inner join fridge.invoice_line_snapshots on invoices.snapshot_id = invoice_line_snapshots.snapshot_id
where invoices.created_at >= %(since)s or invoices.read_at >= %(since)s
order by invoices.invoice_id, invoice_line_snapshots.line_number;

-- name: invoiced_customers
-- Who may have something to compare: customers with recent invoices, those that usage was lately stated to, and those
-- that were lately compared, whatever has become of what they had.
select distinct stripe_customer_id
from fridge.invoices
where created_at >= %(since)s or read_at >= %(since)s
union
select distinct stripe_customer_id
from fridge.meter_events
where hour >= %(since)s and status = 'accepted'
union
select distinct stripe_customer_id
from fridge.invoice_comparisons
where period_end > %(since)s
order by stripe_customer_id;

-- name: tenants_of_customers
-- Customers and the tenants that have or had them, whoever has them now last; the meters that usage was stated to.
select
    stripe_customer_id,
    tenant_id,
    array_remove(array_agg(distinct event_name), null) as event_names,
    bool_or(is_mapped) as is_mapped
from (
    select
        stripe_customer_id,
        tenant_id,
        event_name,
        false as is_mapped
    from fridge.meter_events
    where hour >= %(since)s and first_sent_at is not null
    union all
    select
        stripe_customer_id,
        tenant_id,
        null as event_name,
        true as is_mapped
    from fridge.tenants
    where stripe_customer_id is not null
) as known
group by stripe_customer_id, tenant_id
order by stripe_customer_id, is_mapped, tenant_id;

-- name: meters_sent_before
-- Meters that the catalogue has no more, the last one last, and how Stripe makes one number of what was sent to them.
select
    event_name,
    measure,
    formula
from fridge.sent_meters
where
    event_name <> all(%(event_names)s::text[])
    and exists (
        select 1 from fridge.meter_events
        where meter_events.event_name = sent_meters.event_name and meter_events.first_sent_at is not null
    )
order by
    (
        select max(meter_turns.turn_id)
        from fridge.meter_turns
        where meter_turns.event_name = sent_meters.event_name
    ) asc nulls first,
    event_name asc;

-- name: booked_periods
-- Our side of what was asked, by its position: of spans of time, each with a number of its own, of a customer, tenant
-- and meter. Of a meter that goes by the last event it is the last of all its spans and tenants. A meter event belongs
-- to the span of its timestamp, half past its hour; usage belongs to whoever has the hour on the books, else to the
-- customer that the tenant has now. An hour that several names of a renamed meter were stated belongs to the first one
-- that is billed for it, else to the newest. What was accepted at a moment is the newest revision that was accepted by
-- then; of a meter that adds up, all that were and had not been cancelled. Of each hour that an edge cuts "cut" has
-- what the invoice would show beyond that if the hour were on the edge's other side.
with asked as (
    select
        asked.*,
        asked.starts_at - interval '30 minutes' as first_at,
        asked.ends_at - interval '30 minutes' as end_at
    from unnest(
        %(numbers)s::integer[], %(tenant_ids)s::text[], %(customer_ids)s::text[], %(event_names)s::text[],
        %(measures)s::text[], %(are_last)s::boolean[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
        %(finals)s::timestamptz[], %(positions)s::integer[]
    ) as asked (
        "number",
        tenant_id,
        stripe_customer_id,
        event_name,
        measure,
        is_last,
        starts_at,
        ends_at,
        final_at,
        "position"
    )
),

invoiced as (
    select invoiced.*
    from unnest(
        %(invoiced_customers)s::text[], %(invoiced_names)s::text[], %(invoiced_starts)s::timestamptz[],
        %(invoiced_ends)s::timestamptz[]
    ) as invoiced (stripe_customer_id, event_name, starts_at, ends_at)
),

names as (
    select *
    from unnest(%(names)s::text[], %(names_measures)s::text[], %(ages)s::integer[]) as names (event_name, measure, age)
),

stated_elsewhere as (
    select
        asked."number",
        meter_events.hour,
        sum(meter_events.value)::bigint as quantity
    from asked
    inner join names as own on asked.event_name = own.event_name
    inner join names as others on own.measure = others.measure and own.event_name <> others.event_name
    inner join fridge.meter_events
        on
            others.event_name = meter_events.event_name
            and asked.tenant_id = meter_events.tenant_id
            and asked.stripe_customer_id = meter_events.stripe_customer_id
            and meter_events.hour > asked.starts_at - interval '1 hour'
            and asked.ends_at > meter_events.hour
    cross join
        lateral ( -- noqa: ST05
            select
                coalesce(bool_or(invoiced.event_name = own.event_name), false) as own_is,
                coalesce(bool_or(invoiced.event_name = others.event_name), false) as other_is
            from invoiced
            where
                invoiced.stripe_customer_id = asked.stripe_customer_id
                and invoiced.starts_at <= meter_events.hour + interval '30 minutes'
                and invoiced.ends_at > meter_events.hour + interval '30 minutes'
        ) as billed
    where
        meter_events.status = 'accepted'
        and case
            when billed.own_is = billed.other_is then billed.own_is = (others.age < own.age) else billed.other_is
        end
    group by asked."number", others.event_name, meter_events.hour
),

elsewhere as (
    select
        "number",
        hour,
        max(quantity) as quantity
    from stated_elsewhere
    group by "number", hour
),

statements as (
    select
        asked."number",
        asked.stripe_customer_id as asked_customer,
        asked.final_at,
        meter_events.hour,
        meter_events.stripe_customer_id,
        meter_events.revision,
        meter_events.value,
        meter_events.status,
        meter_events.is_difference,
        meter_events.settled_at,
        case when meter_event_adjustments.status = 'accepted' then meter_event_adjustments.settled_at end
            as cancelled_at,
        meter_events.status = 'accepted'
        or (
            meter_events.status = 'superseded'
            and meter_events.settled_at is not null
            and (
                meter_events.http_status = 200
                or exists (
                    select 1 from fridge.meter_event_attempts
                    where
                        meter_event_attempts.identifier = meter_events.identifier
                        and meter_event_attempts.outcome in ('accepted', 'duplicate')
                )
            )
            and not exists (
                select 1 from fridge.stripe_error_samples
                where stripe_error_samples.identifier = meter_events.identifier
            )
        ) as was_accepted
    from asked
    inner join fridge.meter_events
        on
            asked.event_name = meter_events.event_name
            and asked.tenant_id = meter_events.tenant_id
            and meter_events.hour > asked.starts_at - interval '1 hour'
            and asked.ends_at > meter_events.hour
    left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
    where meter_events.first_sent_at is not null or meter_events.status = 'staged'
),

stated as (
    select
        "number",
        hour,
        sum(value) filter (where status = 'accepted' and stripe_customer_id = asked_customer) as accepted,
        coalesce(
            sum(value) filter (
                where
                is_difference
                and was_accepted
                and stripe_customer_id = asked_customer
                and settled_at <= final_at
                and coalesce(cancelled_at > final_at, true)
            ),
            (
                array_agg(value order by revision desc) filter (
                    where
                    not is_difference
                    and was_accepted
                    and stripe_customer_id = asked_customer
                    and settled_at <= final_at
                )
            )[1]
        ) as by_final,
        coalesce(
            sum(value) filter (
                where
                is_difference
                and was_accepted
                and stripe_customer_id = asked_customer
                and settled_at <= final_at - interval '1 hour'
                and coalesce(cancelled_at > final_at - interval '1 hour', true)
            ),
            (
                array_agg(value order by revision desc) filter (
                    where
                    not is_difference
                    and was_accepted
                    and stripe_customer_id = asked_customer
                    and settled_at <= final_at - interval '1 hour'
                )
            )[1]
        ) as surely_by_final,
        coalesce(
            (array_agg(stripe_customer_id order by revision desc) filter (where status = 'accepted' and value <> 0))[1],
            (array_agg(stripe_customer_id order by revision desc) filter (where fridge.is_under_way(status)))[1]
        ) as holder
    from statements
    group by "number", hour
),

-- Between the stretches of a name that is back the hours are another meter's: of them its own is what was stated to it.
stretches as materialized (
    select
        event_name,
        begins_at,
        bill_from,
        bill_until
    from fridge.billed_hours
),

starts as materialized (
    select
        event_name,
        min(begins_at) as begins_at,
        min(bill_from) as bill_from
    from stretches
    group by event_name
),

used as (
    select
        asked."number",
        usage.hour,
        usage.quantity
    from asked
    inner join fridge.usage
        on
            asked.tenant_id = usage.tenant_id
            and asked.measure = usage.measure
            and usage.hour > asked.starts_at - interval '1 hour'
            and asked.ends_at > usage.hour
),

hours as (
    select
        coalesce(used."number", stated."number") as "number",
        coalesce(used.hour, stated.hour) as hour,
        greatest(used.quantity - coalesce(elsewhere.quantity, 0), least(used.quantity, 0)) as quantity,
        greatest(stated.accepted - coalesce(elsewhere.quantity, 0), least(stated.accepted, 0)) as accepted,
        greatest(least(stated.accepted, coalesce(elsewhere.quantity, 0)), 0) as given,
        greatest(stated.by_final - coalesce(elsewhere.quantity, 0), least(stated.by_final, 0)) as by_final,
        greatest(stated.surely_by_final - coalesce(elsewhere.quantity, 0), least(stated.surely_by_final, 0))
            as surely_by_final,
        stated.holder
    from used
    full join stated on used."number" = stated."number" and used.hour = stated.hour
    left join elsewhere
        on
            coalesce(used."number", stated."number") = elsewhere."number"
            and coalesce(used.hour, stated.hour) = elsewhere.hour
),

judged as (
    select
        asked."number",
        asked."position",
        asked.is_last,
        -- Of one hour whoever has the customer now comes last.
        hours.hour + asked."number" * interval '1 microsecond' as place,
        coalesce(
            case
                when coalesce(hours.holder, tenants.stripe_customer_id) = asked.stripe_customer_id then own.quantity
            end, 0
        ) as quantity,
        coalesce(
            case
                when coalesce(hours.holder, tenants.stripe_customer_id) = asked.stripe_customer_id
                    then fridge.settled_quantity(
                        own.quantity,
                        hours.accepted::bigint,
                        settled_usage.invoiced + settled_usage.credited,
                        settled_usage.written_off
                    )
            end, 0
        ) as settled,
        coalesce(hours.accepted, 0) as accepted,
        hours.given,
        coalesce(case when asked.final_at is null then hours.accepted else hours.by_final end, 0) as by_final,
        coalesce(case when asked.final_at is null then hours.accepted else hours.surely_by_final end, 0)
            as surely_by_final,
        hours.hour >= asked.first_at and hours.hour < asked.end_at as is_in,
        hours.hour < asked.starts_at or hours.hour + interval '1 hour' > asked.ends_at as is_cut,
        hours.hour < greatest((select billing_start.bill_from from fridge.billing_start), starts.bill_from)
            as is_before_start
    from hours
    inner join asked on hours."number" = asked."number"
    left join starts on asked.event_name = starts.event_name
    left join stretches
        on
            asked.event_name = stretches.event_name
            and hours.hour >= stretches.begins_at
            and hours.hour < stretches.bill_until
    cross join
        lateral ( -- noqa: ST05
            select
                case
                    when hours.hour >= starts.begins_at and stretches.event_name is null
                        then least(hours.quantity, coalesce(hours.accepted, 0)::bigint)
                    else hours.quantity
                end as quantity
        ) as own
    left join fridge.tenants on asked.tenant_id = tenants.tenant_id
    left join fridge.settled_usage
        on
            asked.tenant_id = settled_usage.tenant_id
            and asked.event_name = settled_usage.event_name
            and hours.hour = settled_usage.hour
),

summed as (
    select
        "position",
        bool_or(is_last) as is_last,
        case
            when bool_or(is_last)
                then (array_agg(quantity order by place desc) filter (where is_in and quantity > 0))[1]
            else sum(quantity) filter (where is_in)
        end as usage,
        case
            when bool_or(is_last)
                then (array_agg(accepted order by place desc) filter (where is_in and accepted > 0))[1]
            else sum(accepted) filter (where is_in)
        end as accepted,
        case
            when bool_or(is_last)
                then (array_agg(by_final order by place desc) filter (where is_in and by_final > 0))[1]
            else sum(by_final) filter (where is_in)
        end as by_final,
        case
            when bool_or(is_last)
                then (array_agg(surely_by_final order by place desc) filter (where is_in and surely_by_final > 0))[1]
            else sum(surely_by_final) filter (where is_in)
        end as surely_by_final,
        case when not bool_or(is_last) then sum(settled) filter (where is_in) end as settled,
        case when not bool_or(is_last) then sum(given) filter (where is_in) end as given,
        case
            when bool_or(is_last)
                then array[
                    (array_agg(by_final order by place desc) filter (where by_final > 0))[1],
                    (array_agg(by_final order by place desc) filter (where is_in and not is_cut and by_final > 0))[1]
                ]
            else array_agg(case when is_in then -by_final else by_final end order by place) filter (where is_cut)
        end as cut,
        sum(quantity) filter (where is_in and is_before_start) as before_start
    from judged
    group by "position"
),

-- Stripe's own sums of whole days; of a period that begins within a day, or has a day that was not read, nothing.
read_days as (
    select
        asked."number",
        sum(newest.quantity) as quantity,
        count(*) as days,
        min(extract(epoch from asked.ends_at - asked.starts_at) / 86400) as wanted
    from asked
    cross join
        lateral (
            select distinct on (stripe_day_reads.day) stripe_day_reads.quantity
            from fridge.stripe_day_reads
            where
                stripe_day_reads.tenant_id = asked.tenant_id
                and stripe_day_reads.event_name = asked.event_name
                and stripe_day_reads.stripe_customer_id = asked.stripe_customer_id
                and stripe_day_reads.day >= (asked.starts_at at time zone 'UTC')::date
                and stripe_day_reads.day < (asked.ends_at at time zone 'UTC')::date
            order by stripe_day_reads.day asc, stripe_day_reads.read_at desc, stripe_day_reads.day_read_id desc
        ) as newest
    where not asked.is_last
    group by asked."number"
),

read_periods as (
    select
        spans."position",
        case
            when bool_and(coalesce(read_days.days = read_days.wanted, false)) then sum(read_days.quantity)
        end as stripe
    from (
        select distinct
            "number",
            "position"
        from judged
    ) as spans
    left join read_days on spans."number" = read_days."number"
    group by spans."position"
)

select
    summed."position",
    coalesce(summed.usage, 0)::bigint as usage,
    coalesce(summed.settled, 0)::bigint as settled,
    coalesce(summed.accepted, 0)::bigint as accepted,
    coalesce(summed.by_final, 0)::bigint as by_final,
    coalesce(summed.surely_by_final, 0)::bigint as surely_by_final,
    array(
        select shifts.value - case when summed.is_last then coalesce(summed.by_final, 0) else 0 end
        from unnest(summed.cut) as shifts (value)
        where shifts.value <> 0
    )::bigint[] as cut,
    coalesce(summed.before_start, 0)::bigint as before_start,
    coalesce(summed.given, 0)::bigint as given,
    read_periods.stripe
from summed
inner join read_periods on summed."position" = read_periods."position";

-- name: times_on_no_invoice
-- Which time of some customers was found to be on no invoice.
select
    stripe_customer_id,
    event_name,
    period_start,
    period_end
from fridge.invoice_comparisons
where invoice_id is null and stripe_customer_id = any(%(customer_ids)s) and period_start >= %(since)s;

-- name: remove_comparisons
-- Those of the invoices that are compared again, and of the customers' time that no invoice carried.
delete from fridge.invoice_comparisons
where
    invoice_id = any(%(invoice_ids)s)
    or (invoice_id is null and stripe_customer_id = any(%(customer_ids)s) and period_start >= %(since)s);

-- name: tell_amounts
-- What an open exception about invoices comes to; written where it is another.
update fridge.exceptions as told
set
    not_invoiced = %(not_invoiced)s,
    amount = %(amount)s,
    currency = %(currency)s
where
    told.closed_at is null
    and told.kind = %(kind)s
    and told.tenant_id is not distinct from %(tenant_id)s
    and told.hour is not distinct from %(hour)s
    and told.subject = %(subject)s
    and (told.not_invoiced, told.amount, told.currency)
    is distinct from (%(not_invoiced)s::numeric, %(amount)s::bigint, %(currency)s::text);

-- name: comparisons_to_tell
-- Every comparison of the customers of whom something differs that a person corrects, or has corrected: a correction
-- belongs to one of them. The deadline is the end of the customer's first period that goes on. A draft is left when it
-- was read as one more than a day after it was to be final: Stripe gives drafts 72 hours at most, and a hold says when.
with left_drafts as materialized (
    select
        invoice_id,
        stripe_customer_id
    from fridge.invoices
    where
        status = 'draft'
        and exists (
            select 1 from fridge.invoice_day_reads
            where
                invoice_day_reads.day = (invoices.created_at at time zone 'UTC')::date
                and invoice_day_reads.read_at
                > greatest(invoices.created_at + interval '72 hours', invoices.finalizes_at) + interval '1 day'
        )
),

asked as (
    select stripe_customer_id
    from left_drafts
    union
    select compared.stripe_customer_id
    from fridge.invoice_comparisons as compared
    inner join fridge.invoice_causes on compared.cause = invoice_causes.cause
    where invoice_causes.needs_correction and compared.difference + compared.settled_quantity <> 0
    union
    select stripe_customer_id
    from fridge.corrections
    where state = 'written'
    union
    select places.customer_id
    from fridge.settlements
    cross join lateral jsonb_to_recordset(settlements.places) as places (customer_id text)
),

deadlines as materialized (
    select
        subscription_items.stripe_customer_id,
        prices.event_name,
        min(subscription_items.period_end) as deadline_at
    from fridge.subscription_items
    inner join fridge.prices on subscription_items.price_id = prices.price_id
    where subscription_items.goes_on
    group by subscription_items.stripe_customer_id, prices.event_name
)

select
    compared.invoice_id,
    compared.tenant_id,
    compared.stripe_customer_id as customer_id,
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
    deadlines.deadline_at,
    left_drafts.invoice_id is not null and (compared.usage_quantity <> 0 or compared.invoice_quantity <> 0) as is_left
from fridge.invoice_comparisons as compared
inner join asked on compared.stripe_customer_id = asked.stripe_customer_id
left join left_drafts on compared.invoice_id = left_drafts.invoice_id
left join deadlines
    on
        compared.stripe_customer_id = deadlines.stripe_customer_id
        and compared.event_name = deadlines.event_name
order by compared.stripe_customer_id, compared.event_name, compared.period_start, compared.invoice_id;

-- name: add_comparison
insert into fridge.invoice_comparisons (
    invoice_id, tenant_id, stripe_customer_id, event_name, period_start, period_end, usage_quantity, accepted_quantity,
    stripe_quantity, invoice_quantity, difference, settled_quantity, cause, amount, currency, price_id, compared_at
) values (
    %(invoice_id)s, %(tenant_id)s, %(customer_id)s, %(event_name)s, %(period_start)s, %(period_end)s, %(usage)s,
    %(accepted)s, %(stripe)s, %(invoiced)s, %(difference)s, %(settled)s, %(cause)s, %(amount)s, %(currency)s,
    %(price_id)s, %(compared_at)s
);

-- name: lock_comparisons
-- Two runs that compare at once would find and write the same rows.
select pg_advisory_xact_lock(hashtextextended('fridge.invoice_comparisons', 0));

-- name: compared_invoices
-- The comparisons whose period lies in a time or reaches into it, those that differ first, the largest before others.
select
    invoice_comparisons.invoice_id,
    invoice_comparisons.tenant_id,
    invoice_comparisons.stripe_customer_id,
    invoice_comparisons.event_name,
    invoice_comparisons.period_start,
    invoice_comparisons.period_end,
    invoice_comparisons.usage_quantity,
    invoice_comparisons.accepted_quantity,
    invoice_comparisons.stripe_quantity,
    invoice_comparisons.invoice_quantity,
    invoice_comparisons.difference,
    invoice_comparisons.cause,
    invoice_comparisons.amount,
    invoice_comparisons.currency,
    invoice_comparisons.compared_at,
    invoices.status,
    invoices."number",
    invoices.finalized_at,
    invoices.read_at,
    exists(
        select 1 from fridge.exceptions
        where
            exceptions.kind = any(%(kinds)s::text[])
            and exceptions.closed_at is null
            and exceptions.tenant_id is not distinct from invoice_comparisons.tenant_id
            and exceptions.hour = date_trunc('hour', invoice_comparisons.period_start, 'UTC')
            and exceptions.subject in (
                invoice_comparisons.event_name,
                invoice_comparisons.event_name || ' ' || invoice_comparisons.stripe_customer_id
            )
    ) as is_open
from fridge.invoice_comparisons
left join fridge.invoices on invoice_comparisons.invoice_id = invoices.invoice_id
where
    invoice_comparisons.period_end > %(since)s
    and invoice_comparisons.period_start < %(until)s
    and (%(tenant_id)s::text is null or invoice_comparisons.tenant_id = %(tenant_id)s)
order by
    invoice_comparisons.cause is null asc,
    abs(invoice_comparisons.difference) desc,
    invoice_comparisons.tenant_id asc,
    invoice_comparisons.event_name asc,
    invoice_comparisons.period_start asc,
    invoice_comparisons.invoice_id asc;

-- name: draft_customers
select distinct stripe_customer_id
from fridge.invoices
where status = 'draft'
order by stripe_customer_id;

-- name: times_of_drafts_read_first
-- When Stripe itself would have made some drafts final: as they were read first, before they were held.
select distinct on (invoice_id)
    invoice_id,
    finalizes_at
from fridge.invoice_snapshots
where invoice_id = any(%(invoice_ids)s)
order by invoice_id asc, snapshot_id asc;

-- name: waiting_usage
-- What billing periods still wait for, each with a number of its own, of a tenant and meter: hours whose usage is not
-- what was stated and settled of it, or whose statement is undecided; hours of any tenant with files that are not
-- counted or could not be loaded; and when the last statement was decided. An hour belongs to the period of its middle,
-- and is waited for only where it is this meter's: a name that was away for a while has several stretches.
with asked as (
    select
        asked."number",
        asked.tenant_id,
        asked.event_name,
        asked.measure,
        greatest(asked.starts_at - interval '30 minutes', stretches.bill_from) as first_at,
        least(asked.ends_at - interval '30 minutes', stretches.bill_until) as end_at
    from
        unnest(
            %(numbers)s::integer[], %(tenant_ids)s::text[], %(event_names)s::text[], %(measures)s::text[],
            %(starts)s::timestamptz[], %(ends)s::timestamptz[]
        )
            as asked (
                "number", tenant_id, event_name, measure, starts_at, ends_at
            )
    inner join fridge.hours_of_meters(array(select distinct unnest(%(event_names)s::text[]))) as stretches
        on
            asked.event_name = stretches.event_name
            and asked.starts_at - interval '30 minutes' < stretches.bill_until
            and asked.ends_at - interval '30 minutes' > stretches.bill_from
),

-- Not counted from the files that there are now, or not loaded; of which tenant, nobody knows yet.
unread_hours as (
    select hour from fridge.hours_to_count
    where hour >= (select min(asked.first_at) from asked) and hour < (select max(asked.end_at) from asked)
    union
    select hour from fridge.open_exceptions
    where kind = 'load_failed'
    union
    select unnest(%(unloaded)s::timestamptz[])
),

used as (
    select
        asked."number",
        usage.hour,
        usage.quantity
    from asked
    inner join fridge.usage
        on
            asked.tenant_id = usage.tenant_id
            and asked.measure = usage.measure
            and asked.first_at <= usage.hour
            and asked.end_at > usage.hour
),

-- Looked up by tenant and meter: the order keeps the planner from adding up the whole ledger first.
told as (
    select
        asked."number",
        stated.hour,
        stated.value
    from asked
    cross join
        lateral (
            select
                stated_usage.hour,
                stated_usage.value
            from fridge.stated_usage
            where
                stated_usage.tenant_id = asked.tenant_id
                and stated_usage.event_name = asked.event_name
                and stated_usage.hour >= asked.first_at
                and stated_usage.hour < asked.end_at
            order by stated_usage.hour
        ) as stated
),

settled as (
    select
        asked."number",
        settled_usage.hour,
        settled_usage.invoiced + settled_usage.credited as by_hand,
        settled_usage.written_off
    from asked
    inner join fridge.settled_usage
        on
            asked.tenant_id = settled_usage.tenant_id
            and asked.event_name = settled_usage.event_name
            and asked.first_at <= settled_usage.hour
            and asked.end_at > settled_usage.hour
),

owed as (
    select
        coalesce(used."number", told."number", settled."number") as "number",
        coalesce(used.hour, told.hour, settled.hour) as hour
    from used
    full join told on used."number" = told."number" and used.hour = told.hour
    full join settled
        on
            coalesce(used."number", told."number") = settled."number"
            and coalesce(used.hour, told.hour) = settled.hour
    where
        coalesce(used.quantity, 0) - coalesce(told.value, 0)
        <> fridge.settled_quantity(used.quantity, told.value, settled.by_hand, settled.written_off)
),

waiting as (
    select
        "number",
        hour
    from owed
    union
    select
        asked."number",
        statements_under_way.hour
    from asked
    inner join fridge.statements_under_way
        on
            asked.tenant_id = statements_under_way.tenant_id
            and asked.event_name = statements_under_way.event_name
            and asked.first_at <= statements_under_way.hour
            and asked.end_at > statements_under_way.hour
    union
    select
        asked."number",
        unread_hours.hour
    from asked
    inner join unread_hours on asked.first_at <= unread_hours.hour and asked.end_at > unread_hours.hour
),

waiting_hours as (
    select
        "number",
        count(*) as hours
    from waiting
    group by "number"
)

select
    asked."number",
    coalesce(waiting_hours.hours, 0) as hours,
    max(greatest(meter_events.settled_at, meter_event_adjustments.settled_at)) as last_at
from asked
left join waiting_hours on asked."number" = waiting_hours."number"
left join fridge.meter_events
    on
        asked.tenant_id = meter_events.tenant_id
        and asked.event_name = meter_events.event_name
        and asked.first_at <= meter_events.hour
        and asked.end_at > meter_events.hour
left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
group by asked."number", waiting_hours.hours
order by asked."number";

-- name: hold_mark
-- By what a draft is known to be held by these books: a copy of them elsewhere has other marks.
select left(md5(fridge.present_place()), 12) || ':';

-- name: holds_of_invoices
-- Everything on record of some invoices, in its order; an intent has its last outcome beside it.
select
    intents.hold_id,
    intents.invoice_id,
    intents.act,
    intents.attempt,
    intents.mark,
    intents.finalizes_at,
    (
        array_agg(answers.outcome order by answers.hold_id desc) filter (where answers.outcome is not null)
    )[1] as outcome,
    count(answers.hold_id) filter (where answers.outcome = 'failed') as failures
from fridge.invoice_holds as intents
left join fridge.invoice_holds as answers on intents.hold_id = answers.answers
where intents.invoice_id = any(%(invoice_ids)s) and intents.answers is null
group by intents.hold_id
order by intents.hold_id;

-- name: add_hold_intent
insert into fridge.invoice_holds (invoice_id, act, attempt, mark, finalizes_at, detail, written_at, run_id) values (
    %(invoice_id)s, %(act)s, %(attempt)s, %(marked_by)s || gen_random_uuid(), %(finalizes_at)s, %(detail)s, %(now)s,
    %(run_id)s
)
on conflict (invoice_id, act, attempt) where answers is null do nothing
returning hold_id, mark;

-- name: add_hold_answer
insert into fridge.invoice_holds (invoice_id, act, answers, outcome, detail, written_at, run_id)
values (%(invoice_id)s, %(act)s, %(answers)s, %(outcome)s, %(detail)s, %(now)s, %(run_id)s);

-- name: add_left_draft
insert into fridge.invoice_holds (invoice_id, act, detail, written_at, run_id)
values (%(invoice_id)s, 'leave', %(detail)s, %(now)s, %(run_id)s);

-- name: held_drafts
-- The last intent of each draft, or why it is left alone, with its last outcome.
with newest as (
    select distinct on (invoice_id) *
    from fridge.invoice_holds
    where answers is null
    order by invoice_id asc, hold_id desc
)

select
    newest.invoice_id,
    invoices.tenant_id,
    newest.act,
    newest.finalizes_at,
    newest.detail,
    newest.written_at,
    (array_agg(answers.outcome order by answers.hold_id desc))[1] as outcome
from newest
inner join fridge.invoices on newest.invoice_id = invoices.invoice_id
left join fridge.invoice_holds as answers on newest.hold_id = answers.answers
where invoices.status = 'draft'
group by
    newest.invoice_id, invoices.tenant_id, newest.act, newest.finalizes_at, newest.detail, newest.written_at
order by newest.invoice_id;

-- name: corrections_written
-- Documents that Stripe has by corrections, and what people have settled by hand; and why one is on no invoice.
select
    stripe_customer_id,
    event_name,
    invoice_id,
    period_start,
    period_end,
    quantity,
    amount,
    currency,
    document,
    stranded,
    edited,
    is_written_off
from fridge.made_good
where stripe_customer_id = any(%(customer_ids)s)
order by made_at;

-- name: billed_times
-- In which times some customers are billed for a meter, and at which price: the current periods of subscriptions that
-- go on, at each price that they had in it, and what invoices bill that are not void.
select
    subscription_items.stripe_customer_id as customer_id,
    prices.event_name,
    subscription_items.period_start,
    subscription_items.period_end,
    subscription_items.item_id,
    prices.price_id,
    null as invoice_id,
    null as status,
    subscription_items.currency,
    subscription_items.status = 'trialing' as is_trial
from fridge.subscription_items
inner join fridge.subscription_item_snapshots as snapshots
    on subscription_items.item_id = snapshots.item_id and subscription_items.period_start = snapshots.period_start
inner join fridge.prices on snapshots.price_id = prices.price_id
where
    subscription_items.stripe_customer_id = any(%(customer_ids)s)
    and subscription_items.goes_on
    and prices.event_name is not null
union
select
    invoices.stripe_customer_id as customer_id,
    invoice_lines.event_name,
    invoice_lines.period_start,
    invoice_lines.period_end,
    invoice_lines.subscription_item_id as item_id,
    invoice_lines.price_id,
    invoices.invoice_id,
    invoices.status,
    invoices.currency,
    false as is_trial
from fridge.invoices
inner join fridge.invoice_lines on invoices.invoice_id = invoice_lines.invoice_id
where
    invoices.stripe_customer_id = any(%(customer_ids)s)
    and invoices.status not in ('void', 'deleted')
    and invoice_lines.event_name is not null
    and invoice_lines.period_end > %(since)s
order by customer_id, event_name, period_start, period_end, invoice_id nulls first, item_id, price_id;

-- name: corrections_to_look_up
-- Written corrections that Stripe may still lose: no invoice carries them for good.
-- And the first invoice of a subscription since that would have taken a pending item: one in the document's currency,
-- or any after so long that another currency must be the reason.
select
    proposal_id,
    stripe_customer_id as customer_id,
    document_kind as kind,
    document,
    (
        select invoices.invoice_id
        from fridge.invoices
        where
            invoices.stripe_customer_id = corrections.stripe_customer_id
            and invoices.billing_reason = 'subscription_cycle'
            and invoices.created_at
            > corrections.written_at
            + case when invoices.currency = corrections.currency then interval '0' else interval '35 days' end
        order by invoices.created_at
        limit 1
    ) as passed_by,
    amount_in_stripe,
    currency
from fridge.corrections
where
    state = 'written'
    and not exists (
        select 1 from fridge.correction_arrivals
        where correction_arrivals.proposal_id = corrections.proposal_id
    )
order by document_kind desc, proposal_id asc;

-- name: settlements_to_look_up
-- What people have settled by a document that Stripe may still make void, and whose customer it is.
select
    settlements.settlement_id,
    settlements.document,
    coalesce(settlements.places -> 0 ->> 'customer_id', tenants.stripe_customer_id) as customer_id
from fridge.settlements
inner join fridge.settlement_decisions as decisions on settlements.settlement_id = decisions.settlement_id
left join fridge.tenants on settlements.tenant_id = tenants.tenant_id
where
    decisions.proposal_id is null
    and settlements.how in ('invoiced_by_hand', 'credited')
    and settlements.settled_at > %(since)s
    and not exists (
        select 1 from fridge.settlement_outcomes
        where settlement_outcomes.settlement_id = settlements.settlement_id
    )
order by settlements.settlement_id;

-- name: add_settlement_outcome
insert into fridge.settlement_outcomes (settlement_id, fate, found_at, answer, run_id)
values (%(settlement_id)s, %(fate)s, %(read_at)s, %(answer)s, %(run_id)s)
on conflict do nothing;

-- name: add_correction_loss
insert into fridge.correction_losses (proposal_id, found_at, answer, run_id)
values (%(proposal_id)s, %(read_at)s, %(answer)s, %(run_id)s)
on conflict do nothing;

-- name: add_correction_edit
insert into fridge.correction_edits (proposal_id, amount, found_at, answer, run_id)
values (%(proposal_id)s, %(amount)s, %(read_at)s, %(answer)s, %(run_id)s);

-- name: add_correction_arrival
insert into fridge.correction_arrivals (proposal_id, found_at, answer, run_id)
values (%(proposal_id)s, %(read_at)s, %(answer)s, %(run_id)s)
on conflict do nothing;

-- name: keep_stranded_correction
insert into fridge.stranded_corrections (proposal_id, found_at, answer)
values (%(proposal_id)s, %(found_at)s, %(answer)s)
on conflict (proposal_id) do update
    set answer = excluded.answer;

-- name: end_stranded_correction
delete from fridge.stranded_corrections
where proposal_id = %(proposal_id)s;
