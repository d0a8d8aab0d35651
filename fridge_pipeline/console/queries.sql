-- name: console_session
-- A page that takes longer is not waited for, whatever the login begins with; and it takes one processor, of which
-- billing has the others (law L16).
select
    set_config('statement_timeout', %(longest)s, false) as statement_timeout,
    set_config('max_parallel_workers_per_gather', '0', false) as workers;

-- name: console_login
-- Whoever reads for the console, and one relation of ours that this login could change.
select
    session_user::text as login,
    (
        select pg_class.relname from pg_class
        where
            pg_class.relnamespace = 'fridge'::regnamespace
            and pg_class.relkind in ('r', 'p', 'v')
            and has_table_privilege(pg_class.oid, 'insert, update, delete, truncate')
        order by pg_class.relname
        limit 1
    ) as may_change;

-- name: console_page
-- A part of what a page shows, in the order of its statement, and one row more, which says whether there are others.
select * from ({select}) as shown
limit %(limit)s offset %(offset)s; -- noqa: AM09

-- name: console_band
-- Where usage goes now.
select
    mode,
    host,
    account_id,
    used_since
from fridge.stripe_modes
where used_until is null;

-- name: console_month_state
select
    status,
    prepared_by,
    approved_by
from fridge.month_status
where usage_month = %(month_day)s;

-- name: console_standing
-- The running month and the one before: usage of now beside what was signed.
with months (usage_month) as (
    values
    (date_trunc('month', %(now)s::timestamptz at time zone 'UTC')::date),
    ((date_trunc('month', %(now)s::timestamptz at time zone 'UTC') - interval '1 month')::date)
),

newest as (
    select
        months.usage_month,
        coalesce(month_status.status, 'open') as state,
        month_status.control_totals
    from months
    left join fridge.month_status on months.usage_month = month_status.usage_month
),

used as (
    select
        date_trunc('month', usage_date)::date as usage_month,
        meter,
        sum(quantity) as usage_now
    from fridge.tenant_days
    where usage_date >= (date_trunc('month', %(now)s::timestamptz at time zone 'UTC') - interval '1 month')::date
    group by usage_month, meter
    having count(quantity) > 0
),

signed as (
    select
        newest.usage_month,
        newest.state,
        totals.meter,
        (totals.figures ->> 'usage')::numeric as signed_usage
    from newest
    cross join lateral jsonb_each(newest.control_totals -> 'meters') as totals (meter, figures)
)

select
    newest.usage_month,
    coalesce(used.meter, signed.meter) as meter,
    newest.state as month_state,
    signed.signed_usage,
    used.usage_now,
    case
        when newest.state in ('prepared', 'closed')
            then coalesce(used.usage_now, 0) - coalesce(signed.signed_usage, 0)
    end as change_in_usage
from used
full join signed on used.usage_month = signed.usage_month and used.meter = signed.meter
inner join newest on coalesce(used.usage_month, signed.usage_month) = newest.usage_month
order by newest.usage_month desc, meter asc;

-- name: console_unbilled_by_cause
-- What waits for a person or for time is among the exceptions; what is left is being delivered.
select
    kind as waiting_for,
    kind,
    meter,
    sum(owed) as owed,
    count(*) as tenant_hours,
    min(hour) as oldest_hour,
    min(days_left) as days_left,
    min(deadline_at) as deadline_at
from fridge.exceptions_open
where owed <> 0
group by kind, meter
union all
select
    'being_delivered' as waiting_for,
    null as kind,
    meter,
    sum(quantity) as owed,
    count(*) as tenant_hours,
    min(hour) as oldest_hour,
    floor(extract(epoch from min(hour) + interval '35 days' - %(now)s::timestamptz) / 86400)::integer as days_left,
    min(hour) + interval '35 days' as deadline_at
from fridge.owed_now
where
    cause in (
        select difference_causes.cause from fridge.difference_causes
        where difference_causes.is_delivered_next
    )
group by meter
order by days_left asc nulls last, waiting_for asc, meter asc;

-- name: console_freshness
-- How far the books reach, and when Stripe was last read.
with unbilled as (
    select min(hour) as hour
    from fridge.exceptions_open
    where owed > 0
    union all
    select min(hour) as hour
    from fridge.owed_now
    where
        quantity > 0
        and cause in (
            select difference_causes.cause from fridge.difference_causes
            where difference_causes.is_delivered_next
        )
)

select
    'oldest_unbilled' as freshness,
    (select min(hour) from unbilled) as moment,
    1 as place
union all
select
    'stripe_read' as freshness,
    (
        select max(last_read_at) from fridge.stripe_days_read
        where usage_date > (%(now)s::timestamptz at time zone 'UTC')::date - 7
    ) as moment,
    2 as place
union all
select
    'newest_hour' as freshness,
    (select max(hour) from fridge.landed_files) as moment,
    3 as place
union all
select
    'newest_file' as freshness,
    (
        select max(loaded_at) from fridge.landed_files
        where hour > %(now)s::timestamptz - interval '60 days'
    ) as moment,
    4 as place
order by place;

-- name: console_days
-- Of each day and meter of the last 60 days, from the first with usage on, what has become of it, as month_outcome says
-- of its month: in its words billed, lost and elsewhere, and of what is recoverable what waits for no person.
with used as (
    select
        usage_date,
        meter,
        sum(quantity) as usage_quantity
    from fridge.tenant_days
    where usage_date >= (%(now)s::timestamptz at time zone 'UTC')::date - 59
    group by usage_date, meter
),

meters as (
    select distinct meter
    from used
    where usage_quantity is not null
),

days as (
    select
        meters.meter,
        (%(now)s::timestamptz at time zone 'UTC')::date - days_ago as usage_date
    from generate_series(0, 59) as days_ago
    cross join meters
    where
        (%(now)s::timestamptz at time zone 'UTC')::date - days_ago >= (
            select min(used.usage_date) from used
            where used.usage_quantity is not null
        )
),

outcomes as (
    select
        (hour at time zone 'UTC')::date as usage_date,
        meter,
        sum(quantity) filter (where outcome = 'billed') as billed,
        sum(quantity) filter (where outcome = 'lost') as lost,
        sum(quantity) filter (where outcome = 'elsewhere') as elsewhere,
        sum(quantity) filter (where outcome = 'recoverable' and not is_delivered_next) as held,
        sum(quantity) filter (where outcome = 'recoverable' and is_delivered_next) as waiting
    from (
        select
            *,
            cause in (
                select difference_causes.cause from fridge.difference_causes
                where difference_causes.is_delivered_next
            ) as is_delivered_next
        from fridge.outcomes_of_hours
        where
            hour >= ((%(now)s::timestamptz at time zone 'UTC')::date - 59)::timestamp at time zone 'UTC'
    ) as of_hours
    group by usage_date, meter
)

select
    days.usage_date,
    days.meter,
    used.usage_quantity as used,
    case when used.usage_quantity is not null then coalesce(outcomes.billed, 0) end as billed,
    case when used.usage_quantity is not null then coalesce(outcomes.held, 0) end as held,
    case when used.usage_quantity is not null then coalesce(outcomes.waiting, 0) end as waiting,
    case when used.usage_quantity is not null then coalesce(outcomes.lost, 0) end as lost,
    case when used.usage_quantity is not null then coalesce(outcomes.elsewhere, 0) end as elsewhere
from days
left join used on days.usage_date = used.usage_date and days.meter = used.meter
left join outcomes on days.usage_date = outcomes.usage_date and days.meter = outcomes.meter
order by days.meter asc, days.usage_date desc;

-- name: console_months
select
    usage_month,
    status as month_state,
    prepared_by,
    approved_by as month_approved_by,
    signed_at,
    (
        select count(*) from fridge.evidence_packs
        where evidence_packs.month = month_status.usage_month
    ) as packs
from fridge.month_status
order by usage_month desc;

-- name: console_month_exists
-- Any row that the books have of it.
select 1 as one
where
    exists (
        select 1 from fridge.landed_files
        where hour >= %(month_start)s and hour < %(month_end)s
    )
    or exists (
        select 1 from fridge.metered_usage
        where hour >= %(month_start)s and hour < %(month_end)s
    )
    or exists (
        select 1 from fridge.month_signoffs
        where month = %(month_day)s
    );

-- name: console_month_figures
-- Usage, what Stripe was told, what Stripe shows and what is invoiced: of now, with what was signed beside.
with used as (
    select
        meter,
        sum(quantity) as usage_now,
        sum(stated_quantity) as stated_now
    from fridge.tenant_days
    where
        usage_date >= %(month_day)s::date
        and usage_date < (%(month_end)s::timestamptz at time zone 'UTC')::date
    group by meter
    having count(quantity) > 0
),

shown as (
    select
        meter,
        sum(quantity) as stripe_now,
        sum(tenants_not_read) as tenant_days_not_read,
        max(last_read_at) as stripe_read_at
    from fridge.stripe_days_read
    where usage_date >= %(month_day)s::date and usage_date < (%(month_end)s at time zone 'UTC')::date
    group by meter
),

invoiced as (
    select
        event_name as meter,
        sum(invoice_quantity) as invoiced
    from fridge.invoice_tie_out
    where
        period_end > %(month_start)s and period_end <= %(month_end)s
        and status in ('open', 'paid', 'uncollectible')
    group by event_name
),

signed as (
    select
        totals.meter,
        (totals.figures ->> 'usage')::numeric as signed_usage,
        (totals.figures ->> 'stated')::numeric as signed_stated,
        (totals.figures ->> 'stripe')::numeric as signed_stripe
    from fridge.month_status
    cross join lateral jsonb_each(month_status.control_totals -> 'meters') as totals (meter, figures)
    where month_status.usage_month = %(month_day)s
),

meters as (
    select meter
    from used
    union
    select meter
    from signed
)

select
    meters.meter,
    signed.signed_usage,
    used.usage_now,
    signed.signed_stated,
    used.stated_now,
    signed.signed_stripe,
    shown.stripe_now,
    shown.tenant_days_not_read,
    shown.stripe_read_at,
    invoiced.invoiced
from meters
left join used on meters.meter = used.meter
left join shown on meters.meter = shown.meter
left join invoiced on meters.meter = invoiced.meter
left join signed on meters.meter = signed.meter
order by meters.meter;

-- name: console_month_outcome
select
    meter,
    outcome,
    cause as outcome_cause,
    quantity as outcome_quantity,
    percent
from fridge.month_outcome
where usage_month = %(month_day)s
order by meter, outcome, cause;

-- name: console_month_invoices
-- Of a customer that is no tenant's the subject names it as well.
with owed as (
    select
        *,
        case when tenant_id is null then regexp_replace(subject, ' \S+$', '') else subject end as event_name
    from fridge.exceptions_open
    where
        about = 'period'
        and hour >= %(month_start)s
        and hour < %(month_end)s
)

select
    event_name as meter,
    kind,
    currency,
    count(*) as exceptions,
    sum(not_invoiced) as owed,
    sum(amount_minor_units)::bigint as owed_minor_units
from owed
group by event_name, kind, currency
order by event_name asc, kind desc, currency asc;

-- name: console_month_changes
select
    tenant_id,
    meter,
    hour,
    signed_usage,
    usage_now,
    change_in_usage,
    signed_stated,
    stated_now,
    signed_stripe,
    stripe_now,
    cause,
    detail
from fridge.changes_since_signed
where usage_month = %(month_day)s
order by tenant_id, meter, hour;

-- name: console_signoffs
select
    signoff_id,
    signed_at,
    action,
    coalesce(acted_by, signed_by) as signed_by,
    os_user,
    os_host,
    reason as why
from fridge.month_signoffs
where month = %(month_day)s
order by signoff_id desc;

-- name: console_packs
select
    evidence_packs.pack_id,
    evidence_packs.month,
    evidence_packs.made_at,
    evidence_packs.made_by,
    evidence_packs.manifest_sha256,
    evidence_packs.previous_sha256,
    case
        when evidence_packs.previous_sha256 is null then 'the first'
        when before.pack_id is null then 'its pack before is not on record'
        else to_char(before.month, 'YYYY-MM')
    end as chained_to
from fridge.evidence_packs
left join fridge.evidence_packs as before on evidence_packs.previous_sha256 = before.manifest_sha256
where %(month_day)s::date is null or evidence_packs.month = %(month_day)s::date
order by evidence_packs.month desc, evidence_packs.pack_id desc;

-- name: console_unbilled
-- Each hour whose usage Stripe does not have, the nearest deadline first.
select
    exception_id,
    kind,
    tenant_id,
    hour,
    meter,
    owed,
    days_open,
    deadline_at,
    days_left,
    detail
from fridge.exceptions_open
where
    owed <> 0
    and (%(tenant)s::text is null or tenant_id = %(tenant)s)
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(month_start)s::timestamptz is null or (hour >= %(month_start)s and hour < %(month_end)s))
order by deadline_at asc nulls last, exception_id asc;

-- name: console_ageing
select
    case
        when days_left is null then 'no deadline'
        when days_left < 0 then 'the deadline has passed'
        when days_left < 7 then 'less than 7 days left'
        when days_left < 14 then '7 to 13 days left'
        when days_left < 28 then '14 to 27 days left'
        else '28 days or more left'
    end as left_in_words,
    meter,
    sum(owed) as owed,
    count(*) as tenant_hours,
    case when bool_and(tenant_id is not null) then count(distinct tenant_id) end as tenants,
    min(hour) as oldest_hour
from fridge.exceptions_open
where
    owed <> 0
    and (%(tenant)s::text is null or tenant_id = %(tenant)s)
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(month_start)s::timestamptz is null or (hour >= %(month_start)s and hour < %(month_end)s))
group by left_in_words, meter
order by min(days_left) asc nulls last, meter asc;

-- name: console_accrual
-- What was used and no final invoice bills, with what it comes to where the price is known.
select
    usage_month,
    meter,
    cause as accrual_cause,
    currency,
    sum(quantity) as not_invoiced,
    count(distinct tenant_id) as tenants,
    sum(amount_minor_units) as amount_minor_units,
    count(*) filter (where amount_minor_units is null) as tenants_without_price
from fridge.unbilled_accrual
where
    usage_month >= coalesce(
        (%(month_start)s::timestamptz at time zone 'UTC')::date,
        (date_trunc('month', %(now)s::timestamptz at time zone 'UTC') - interval '1 month')::date
    )
    and (%(month_end)s::timestamptz is null or usage_month < (%(month_end)s::timestamptz at time zone 'UTC')::date)
    and (%(tenant)s::text is null or tenant_id = %(tenant)s)
group by usage_month, meter, cause, currency
order by usage_month desc, meter asc, cause asc, currency asc;

-- name: console_exceptions
select
    exception_id,
    kind,
    tenant_id,
    hour,
    subject,
    coalesce(owed, not_invoiced) as owed,
    amount_minor_units as owed_minor_units,
    currency,
    detail,
    opened_at,
    deadline_at,
    closed_at
from fridge.exceptions_all
where
    case %(state)s::text when 'all' then true when 'closed' then closed_at is not null else closed_at is null end
    and (%(kind)s::text is null or kind = %(kind)s)
    and (%(tenant)s::text is null or tenant_id = %(tenant)s)
    and (
        %(month_start)s::timestamptz is null
        or (coalesce(hour, opened_at) >= %(month_start)s and coalesce(hour, opened_at) < %(month_end)s)
    )
order by closed_at desc nulls first, deadline_at asc nulls last, exception_id asc;

-- name: console_exceptions_by_kind
select
    kind,
    count(*) as exceptions,
    case when bool_and(tenant_id is not null) then count(distinct tenant_id) end as tenants,
    min(opened_at) as first_opened_at,
    min(deadline_at) as deadline_at
from fridge.exceptions_all
where closed_at is null
group by kind
order by min(deadline_at) asc nulls last, kind asc;

-- name: console_tenants
-- What was signed stands beside what is now, of a month that is signed.
with bounds as (
    select
        coalesce(
            %(month_day)s::date, date_trunc('month', %(now)s::timestamptz at time zone 'UTC')::date
        ) as first_day
),

used as (
    select
        tenant_id,
        meter,
        sum(quantity) as quantity,
        sum(hours_with_usage) as hours_with_usage,
        min(first_hour) as first_hour,
        max(last_hour) as last_hour
    from fridge.tenant_days
    where
        usage_date >= (select bounds.first_day from bounds)
        and usage_date < (select bounds.first_day + interval '1 month' from bounds)
    group by tenant_id, meter
    having count(quantity) > 0
),

changed as (
    select
        tenant_id,
        meter,
        sum(change_in_usage) as change_in_usage,
        sum(num_nonnulls(usage_now) - num_nonnulls(signed_usage)) as more_hours
    from fridge.changes_since_signed
    where usage_month = (select bounds.first_day from bounds)
    group by tenant_id, meter
),

users as (
    select tenant_id
    from used
    union
    select tenant_id
    from changed
),

tenants as (
    select
        coalesce(tenants_now.tenant_id, users.tenant_id) as tenant_id,
        tenants_now.tenant_name,
        tenants_now.stripe_customer_id
    from fridge.tenants_now
    full join users on tenants_now.tenant_id = users.tenant_id
),

of_meters as (
    select
        coalesce(used.tenant_id, changed.tenant_id) as tenant_id,
        coalesce(used.meter, changed.meter) as meter,
        used.quantity,
        used.hours_with_usage,
        used.first_hour,
        used.last_hour,
        -- What was not there when it was signed is another statement than 0.
        case
            when coalesce(used.hours_with_usage, 0) > coalesce(changed.more_hours, 0)
                then coalesce(used.quantity, 0) - coalesce(changed.change_in_usage, 0)
        end as signed_usage
    from used
    full join changed on used.tenant_id = changed.tenant_id and used.meter = changed.meter
)

select
    tenants.tenant_id,
    tenants.tenant_name,
    tenants.stripe_customer_id,
    of_meters.meter,
    case when months_signed.has_hours then of_meters.signed_usage end as signed_usage,
    of_meters.quantity as month_usage,
    of_meters.hours_with_usage,
    of_meters.first_hour,
    of_meters.last_hour
from tenants
left join of_meters on tenants.tenant_id = of_meters.tenant_id
left join fridge.months_signed on months_signed.usage_month = (select bounds.first_day from bounds)
where
    %(tenant)s::text is null
    or position(lower(%(tenant)s) in lower(concat_ws(' ', tenants.tenant_id, tenants.tenant_name))) > 0
order by tenants.tenant_id asc, of_meters.meter asc;

-- name: console_tenant_exists
select 1 as one
where
    exists (
        select 1 from fridge.tenants_now
        where tenant_id = %(tenant)s
    )
    or exists (
        select 1 from fridge.metered_usage
        where tenant_id = %(tenant)s
    )
    or exists (
        select 1 from fridge.exceptions_all
        where tenant_id = %(tenant)s
    );

-- name: console_tenant_months
-- Thirteen months, from the first with usage on: the same month of last year stands below this one.
with months as (
    select begins::date as usage_month
    from
        generate_series(
            date_trunc('month', %(now)s::timestamptz at time zone 'UTC') - interval '12 months',
            date_trunc('month', %(now)s::timestamptz at time zone 'UTC'),
            '1 month'
        ) as begins
),

used as (
    select
        date_trunc('month', usage_date)::date as usage_month,
        meter,
        sum(quantity) as usage_now,
        sum(hours_with_usage) as hours_with_usage,
        sum(stated_quantity) as stated_now
    from fridge.tenant_days
    where
        tenant_id = %(tenant)s
        and usage_date >= (date_trunc('month', %(now)s::timestamptz at time zone 'UTC') - interval '12 months')::date
    group by date_trunc('month', usage_date)::date, meter
    having count(quantity) > 0
),

meters as (
    select distinct meter
    from used
),

states as (
    select
        usage_month,
        status as month_state
    from fridge.month_status
)

select
    %(tenant)s::text as tenant_id,
    months.usage_month,
    meters.meter,
    coalesce(states.month_state, 'open') as month_state,
    used.usage_now as month_usage,
    used.hours_with_usage,
    used.stated_now as stated_quantity
from months
cross join meters
left join used on months.usage_month = used.usage_month and meters.meter = used.meter
left join states on months.usage_month = states.usage_month
where months.usage_month >= (select min(earlier.usage_month) from used as earlier)
order by meters.meter asc, months.usage_month desc;

-- name: console_tenant_signed
-- The months whose figures are signed and are other ones now.
select
    usage_month,
    meter,
    signed_usage,
    usage_now,
    signed_stated,
    stated_now,
    signed_stripe,
    stripe_now,
    hours_changed,
    cause as causes
from fridge.signed_figures
where tenant_id = %(tenant)s
order by usage_month desc, meter asc;

-- name: console_tenant_customers
select
    changed_at,
    customer_before,
    customer_after,
    changed_by,
    os_user,
    os_host,
    reason as why
from fridge.mapping_changes
where tenant_id = %(tenant)s
order by change_id desc;

-- name: console_tenant_gaps
select
    sensor_id,
    silent_from,
    silent_until,
    hours_silent,
    readings_per_hour_before
from fridge.data_gaps
where tenant_id = %(tenant)s
order by silent_until desc nulls first, silent_from desc;

-- name: console_tenant_hours
-- Every hour of a tenant's month, from the files to Stripe. By itself, not of the tie-out: that judges an hour of all
-- tenants together. Stripe's sum of before the hour was last stated says nothing of it.
with used as (
    select
        hour,
        meter,
        quantity
    from fridge.metered_usage
    where tenant_id = %(tenant)s and hour >= %(month_start)s and hour < %(month_end)s
),

files as (
    select
        hour,
        sum(row_count) as file_rows,
        sum(inserted_count) as inserted,
        sum(duplicate_count) as duplicates,
        sum(rejected_count) as rejected
    from fridge.tenant_files
    where tenant_id = %(tenant)s and hour >= %(month_start)s and hour < %(month_end)s
    group by hour
),

stated as (
    select
        hour,
        meter,
        max(revision) as revision,
        sum(quantity) filter (where is_counted_by_stripe) as quantity,
        max(settled_at) as settled_at
    from fridge.billing_ledger
    where tenant_id = %(tenant)s and hour >= %(month_start)s and hour < %(month_end)s
    group by hour, meter
),

cancelled as (
    select
        hour,
        meter,
        max(acted_at) as cancelled_at
    from fridge.deliveries
    where tenant_id = %(tenant)s and hour >= %(month_start)s and hour < %(month_end)s and act = 'cancelled'
    group by hour, meter
),

-- What is about a tenant's usage is about all its meters; without a tenant it is about all who have no customer.
waiting as (
    select
        exceptions.hour,
        used.meter,
        string_agg(distinct exceptions.kind, ', ' order by exceptions.kind) as kinds
    from fridge.exceptions_open as exceptions
    inner join used on exceptions.hour = used.hour and exceptions.meter in (used.meter, '')
    where
        exceptions.hour >= %(month_start)s
        and exceptions.hour < %(month_end)s
        and (
            exceptions.tenant_id = %(tenant)s
            or exceptions.tenant_id is null and exists (
                select 1 from fridge.unmapped_usage
                where
                    unmapped_usage.tenant_id = %(tenant)s
                    and unmapped_usage.hour = exceptions.hour
                    and unmapped_usage.meter = used.meter
            )
        )
    group by exceptions.hour, used.meter
),

changed as (
    select
        hour,
        meter,
        signed_usage,
        signed_stated
    from fridge.changes_since_signed
    where tenant_id = %(tenant)s and usage_month = %(month_day)s::date
),

-- By itself: joined hour by hour, all that was ever read of the tenant was gone through for each.
shown as materialized (
    select
        hour,
        meter,
        quantity,
        read_at
    from fridge.stripe_hours_read
    where tenant_id = %(tenant)s and hour >= %(month_start)s and hour < %(month_end)s
),

hours as (
    select
        hour,
        meter
    from used
    union
    select
        hour,
        meter
    from stated
    union
    select
        hour,
        meter
    from changed
)

select
    %(tenant)s::text as tenant_id,
    hours.hour,
    hours.meter,
    files.file_rows,
    files.inserted,
    files.duplicates,
    files.rejected,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_usage
        else used.quantity
    end as signed_usage,
    used.quantity as usage_quantity,
    stated.revision as stated_revision,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_stated
        else stated.quantity
    end as signed_stated,
    stated.quantity as stated_quantity,
    case
        when coalesce(shown.read_at > greatest(stated.settled_at, cancelled.cancelled_at), true) then shown.quantity
    end as stripe_quantity,
    case
        when coalesce(shown.read_at > greatest(stated.settled_at, cancelled.cancelled_at), true) then shown.read_at
    end as stripe_read_at,
    waiting.kinds as waits_for
from hours
left join used on hours.hour = used.hour and hours.meter = used.meter
left join files on hours.hour = files.hour
left join stated on hours.hour = stated.hour and hours.meter = stated.meter
left join cancelled on hours.hour = cancelled.hour and hours.meter = cancelled.meter
left join waiting on hours.hour = waiting.hour and hours.meter = waiting.meter
left join changed on hours.hour = changed.hour and hours.meter = changed.meter
left join fridge.months_signed on months_signed.usage_month = %(month_day)s::date
left join shown on hours.hour = shown.hour and hours.meter = shown.meter
order by hours.hour desc, hours.meter asc;

-- name: console_hour_tie_out
with changed as (
    select *
    from fridge.changes_since_signed
    where tenant_id = %(tenant)s and hour = %(hour)s
)

select
    coalesce(tie_out.meter, changed.meter) as meter,
    tie_out.file_rows,
    tie_out.inserted,
    tie_out.duplicates,
    tie_out.rejected,
    tie_out.derived_quantity,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_usage
        else tie_out.usage_quantity
    end as signed_usage,
    tie_out.usage_quantity,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_stated
        else tie_out.stated_quantity
    end as signed_stated,
    tie_out.stated_quantity,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_stripe
        else tie_out.stripe_quantity
    end as signed_stripe,
    tie_out.stripe_quantity,
    tie_out.stripe_read_at,
    tie_out.cause as hour_cause,
    tie_out.amount,
    tie_out.status as state
from (
    select * from fridge.tie_out
    where tenant_id = %(tenant)s and hour = %(hour)s
) as tie_out
full join changed on tie_out.meter = changed.meter
left join fridge.months_signed
    on months_signed.usage_month = date_trunc('month', %(hour)s::timestamptz at time zone 'UTC')::date
order by meter;

-- name: console_hour_rejections
select
    rejections.path,
    rejections.reason as rejected_for,
    rejections.rejected_rows
from fridge.rejections
where
    rejections.hour = %(hour)s
    and exists (
        select 1 from fridge.tenant_files
        where tenant_files.file_id = rejections.file_id and tenant_files.tenant_id = %(tenant)s
    )
order by rejections.path, rejections.reason;

-- name: console_invoices
with compared as (
    select
        invoice_id,
        count(*) as periods,
        count(*) filter (where difference <> 0) as differing,
        count(*) filter (where not is_explained) as unexplained
    from fridge.invoice_tie_out
    where invoice_id is not null
    group by invoice_id
),

changed as (
    select
        invoice_id,
        string_agg(
            concat(meter, ': signed ', signed_usage, ', now ', usage_now), '; ' order by meter, period_start
        ) as signed_and_now
    from fridge.invoiced_changes
    group by invoice_id
)

select
    invoices_read.invoice_id,
    invoices_read.invoice_number,
    invoices_read.tenant_id,
    invoices_read.tenant_name,
    invoices_read.status as invoice_status,
    invoices_read.created_at,
    invoices_read.finalized_at,
    invoices_read.total_minor_units,
    invoices_read.currency,
    compared.periods,
    compared.differing,
    compared.unexplained,
    changed.signed_and_now,
    invoices_read.read_at
from fridge.invoices_read
left join compared on invoices_read.invoice_id = compared.invoice_id
left join changed on invoices_read.invoice_id = changed.invoice_id
where
    (%(tenant)s::text is null or invoices_read.tenant_id = %(tenant)s)
    and (%(status)s::text is null or invoices_read.status = %(status)s)
    and (
        %(month_start)s::timestamptz is null
        or (invoices_read.created_at >= %(month_start)s and invoices_read.created_at < %(month_end)s)
    )
    and (
        %(compared)s::text is null
        or %(compared)s = 'differ' and compared.differing > 0
        or %(compared)s = 'unexplained' and compared.unexplained > 0
        or %(compared)s = 'agree' and compared.differing = 0
    )
order by invoices_read.created_at desc, invoices_read.invoice_id desc;

-- name: console_not_invoiced
select
    tie_out.tenant_id,
    tie_out.event_name as meter,
    tie_out.period_start,
    tie_out.period_end,
    tie_out.usage_quantity,
    tie_out.accepted_quantity,
    -tie_out.difference as not_invoiced,
    tie_out.cause as invoice_cause,
    tie_out.amount_minor_units,
    tie_out.currency,
    changed.signed_usage,
    changed.usage_now
from fridge.invoice_tie_out as tie_out
left join fridge.invoiced_changes as changed
    on
        changed.invoice_id is null
        and tie_out.tenant_id = changed.tenant_id
        and tie_out.event_name = changed.meter
        and tie_out.period_start = changed.period_start
        and tie_out.period_end = changed.period_end
where
    tie_out.invoice_id is null
    and (%(tenant)s::text is null or tie_out.tenant_id = %(tenant)s)
    and (
        %(month_start)s::timestamptz is null
        or (tie_out.period_end > %(month_start)s and tie_out.period_start < %(month_end)s)
    )
order by tie_out.period_start desc, tie_out.tenant_id asc, meter asc;

-- name: console_invoice_exists
select 1 as one
from fridge.invoices_read
where invoice_id = %(invoice)s;

-- name: console_invoice
select
    invoice_id,
    invoice_number,
    tenant_id,
    stripe_customer_id,
    status as invoice_status,
    created_at,
    finalized_at,
    finalizes_at,
    total_minor_units,
    credited_minor_units,
    currency,
    read_at
from fridge.invoices_read
where invoice_id = %(invoice)s;

-- name: console_invoice_periods
select
    tie_out.tenant_id,
    tie_out.event_name as meter,
    tie_out.period_start,
    tie_out.period_end,
    changed.signed_usage,
    changed.usage_now,
    tie_out.usage_quantity,
    tie_out.accepted_quantity,
    tie_out.stripe_quantity,
    tie_out.invoice_quantity,
    tie_out.difference as amount,
    tie_out.cause as invoice_cause,
    tie_out.what_to_do,
    tie_out.amount_minor_units,
    tie_out.currency
from fridge.invoice_tie_out as tie_out
left join fridge.invoiced_changes as changed
    on
        tie_out.invoice_id = changed.invoice_id
        and tie_out.tenant_id = changed.tenant_id
        and tie_out.event_name = changed.meter
        and tie_out.period_start = changed.period_start
        and tie_out.period_end = changed.period_end
where tie_out.invoice_id = %(invoice)s
order by tie_out.tenant_id, meter, tie_out.period_start;

-- name: console_invoice_lines
select
    invoice_id,
    line_id,
    meter as line_meter,
    period_start,
    period_end,
    quantity as line_quantity,
    amount_minor_units,
    currency,
    price_id,
    is_invoice_item
from fridge.invoice_lines_read
where invoice_id = %(invoice)s
order by line_number;

-- name: console_line_exists
select 1 as one
from fridge.invoice_lines_read
where invoice_id = %(invoice)s and line_id = %(line)s;

-- name: console_line_hours
-- An hour belongs to the line by the timestamp of its statement, half past. What Stripe accepted after the invoice was
-- final is on none.
with of_line as (
    select *
    from fridge.invoice_lines_read
    where invoice_id = %(invoice)s and line_id = %(line)s
),

-- Who has the customer now, and whose usage it was stated.
of_customer as (
    select tenants_now.tenant_id
    from fridge.tenants_now
    inner join of_line on tenants_now.stripe_customer_id = of_line.stripe_customer_id
    union
    select invoice_tie_out.tenant_id
    from fridge.invoice_tie_out
    where
        invoice_tie_out.stripe_customer_id = any(array(select of_line.stripe_customer_id from of_line))
        and invoice_tie_out.tenant_id is not null
),

-- By itself, and by values that are known before: the usage of every tenant would be gone through.
used as materialized (
    select
        of_line.stripe_customer_id,
        of_line.finalized_at,
        metered_usage.tenant_id,
        metered_usage.hour,
        metered_usage.meter,
        metered_usage.quantity
    from fridge.metered_usage
    inner join of_line on metered_usage.meter = of_line.meter
    where
        metered_usage.tenant_id = any(array(select of_customer.tenant_id from of_customer))
        and metered_usage.hour >= (select min(bounds.period_start) from of_line as bounds) - interval '30 minutes'
        and metered_usage.hour < (select max(bounds.period_end) from of_line as bounds) - interval '30 minutes'
),

changed as materialized (
    select
        changes.tenant_id,
        changes.meter,
        changes.hour,
        changes.signed_usage
    from of_customer
    inner join fridge.changes_since_signed as changes on of_customer.tenant_id = changes.tenant_id
)

select
    used.tenant_id,
    used.hour,
    used.meter,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_usage
        else used.quantity
    end as signed_usage,
    used.quantity,
    stated.stated_quantity,
    stated.statements,
    stated.settled_at > used.finalized_at as is_late,
    files.paths
from used
left join lateral (
    select
        sum(billing_ledger.quantity) filter (where billing_ledger.is_counted_by_stripe) as stated_quantity,
        string_agg(
            billing_ledger.identifier || ' ' || billing_ledger.status, '; ' order by billing_ledger.revision
        ) as statements,
        max(billing_ledger.settled_at) as settled_at
    from fridge.billing_ledger
    where
        billing_ledger.tenant_id = used.tenant_id
        and billing_ledger.stripe_customer_id = used.stripe_customer_id
        and billing_ledger.meter = used.meter
        and billing_ledger.hour = used.hour
) as stated on true
left join lateral (
    select string_agg(tenant_files.path, '; ' order by tenant_files.path) as paths
    from fridge.tenant_files
    where
        tenant_files.tenant_id = used.tenant_id
        and tenant_files.hour = used.hour
        and tenant_files.inserted_count > 0
) as files on true
left join fridge.months_signed
    on months_signed.usage_month = date_trunc('month', used.hour at time zone 'UTC')::date
left join changed
    on
        used.tenant_id = changed.tenant_id
        and used.meter = changed.meter
        and used.hour = changed.hour
order by used.hour, used.tenant_id;

-- name: console_changes
select
    acted_at,
    act,
    subject as about,
    tenant_id,
    hour,
    detail as how_and_why,
    acted_by,
    os_user,
    os_host,
    act_id
from fridge.acts
where
    (%(act)s::text is null or act = %(act)s)
    and (%(person)s::text is null or acted_by = %(person)s)
    and (%(tenant)s::text is null or tenant_id = %(tenant)s)
    and (%(month_start)s::timestamptz is null or (acted_at >= %(month_start)s and acted_at < %(month_end)s))
order by acted_at desc, act_id desc;

-- name: console_sample
-- A tenant's day is drawn the more often the more of its hours have usage (weighted sampling without replacement by
-- Efraimidis and Spirakis), then one of these hours: so each hour with usage is as likely as any other. The same seed,
-- size and month draw the same hours as long as the same hours have usage: all is decided by hashes.
with days as (
    select
        tenant_id,
        meter,
        usage_date,
        -- The larger, the earlier it is drawn.
        ln(
            (('x' || left(md5(concat_ws('/', %(seed)s::text, tenant_id, meter, usage_date)), 12))::bit(48)::bigint + 1)
            / 281474976710657.0::double precision
        ) / hours_with_usage as drawn
    from fridge.tenant_days
    where
        hours_with_usage > 0
        and usage_date >= coalesce(
            %(month_day)s::date, date_trunc('month', %(now)s::timestamptz at time zone 'UTC')::date
        )
        and usage_date < coalesce(
            (%(month_end)s::timestamptz at time zone 'UTC')::date,
            (%(now)s::timestamptz at time zone 'UTC')::date + 1
        )
    order by drawn desc
    limit coalesce(%(n)s::integer, 25)
),

chosen as (
    select
        days.tenant_id,
        days.meter,
        days.drawn,
        of_day.hour,
        of_day.quantity
    from days
    cross join
        lateral (
            select
                metered_usage.hour,
                metered_usage.quantity
            from fridge.metered_usage
            where
                metered_usage.tenant_id = days.tenant_id
                and metered_usage.meter = days.meter
                and metered_usage.hour >= days.usage_date::timestamp at time zone 'UTC'
                and metered_usage.hour < (days.usage_date + 1)::timestamp at time zone 'UTC'
            order by
                md5(concat_ws('/', %(seed)s::text, metered_usage.tenant_id, metered_usage.meter, metered_usage.hour))
            limit 1
        ) as of_day
),

changed as materialized (
    select
        tenant_id,
        meter,
        hour,
        signed_usage
    from fridge.changes_since_signed
    where
        usage_month
        = coalesce(%(month_day)s::date, date_trunc('month', %(now)s::timestamptz at time zone 'UTC')::date)
)

select
    chosen.tenant_id,
    chosen.hour,
    chosen.meter,
    case
        when months_signed.has_hours is not true then null
        when changed.hour is not null then changed.signed_usage
        else chosen.quantity
    end as signed_usage,
    chosen.quantity,
    stated.quantity as stated_quantity,
    stated.identifier,
    stated.request_id,
    stated.statement_status,
    files.paths,
    files.file_hashes
from chosen
left join lateral (
    select
        sum(billing_ledger.quantity) filter (where billing_ledger.is_counted_by_stripe) over () as quantity,
        billing_ledger.identifier,
        billing_ledger.request_id,
        billing_ledger.status as statement_status
    from fridge.billing_ledger
    where
        billing_ledger.tenant_id = chosen.tenant_id
        and billing_ledger.meter = chosen.meter
        and billing_ledger.hour = chosen.hour
    order by billing_ledger.revision desc
    limit 1
) as stated on true
left join lateral (
    select
        string_agg(tenant_files.path, '; ' order by tenant_files.path) as paths,
        string_agg(tenant_files.content_hash, '; ' order by tenant_files.path) as file_hashes
    from fridge.tenant_files
    where
        tenant_files.tenant_id = chosen.tenant_id
        and tenant_files.hour = chosen.hour
        and tenant_files.inserted_count > 0
) as files on true
left join fridge.months_signed
    on months_signed.usage_month = date_trunc('month', chosen.hour at time zone 'UTC')::date
left join changed
    on
        chosen.tenant_id = changed.tenant_id
        and chosen.meter = changed.meter
        and chosen.hour = changed.hour
order by chosen.drawn desc, chosen.tenant_id asc, chosen.meter asc, chosen.hour asc;

-- name: console_cutoff
-- What is asked of one tenant is added up from that tenant's rows, what is asked of all from sums of all. A month is
-- signed as a whole, so what was signed of it stands beside all that is billed in it.
with split as (
    select
        meter,
        month_billed,
        month_recorded,
        quantity
    from fridge.billed_and_recorded
    where %(tenant)s::text is null
    union all
    select
        meter,
        month_billed,
        month_recorded,
        quantity
    from fridge.usage_by_service_month
    where tenant_id = %(tenant)s::text
),

changed as (
    select
        usage_month,
        meter,
        sum(change_in_usage) as change_in_usage
    from fridge.changes_since_signed
    where %(tenant)s::text is null or tenant_id = %(tenant)s
    group by usage_month, meter
)

select
    split.meter,
    split.month_billed,
    split.month_recorded,
    split.quantity,
    case
        when months_signed.has_hours
            then sum(split.quantity) over of_month - coalesce(changed.change_in_usage, 0)
    end as month_signed,
    case when months_signed.has_hours then sum(split.quantity) over of_month end as month_now
from split
left join changed on split.month_billed = changed.usage_month and split.meter = changed.meter
left join fridge.months_signed on split.month_billed = months_signed.usage_month
where
    split.month_billed >= (date_trunc('month', %(now)s::timestamptz at time zone 'UTC') - interval '12 months')::date
window of_month as (partition by split.meter, split.month_billed)
order by split.meter asc, split.month_billed desc, split.month_recorded desc nulls last;

-- name: console_restatements
-- The hours that were restated are looked for first: what became of one is known from its own revisions.
with restated as (
    select distinct
        tenant_id,
        meter,
        hour
    from fridge.billing_ledger
    where
        revision > 1
        and hour >= coalesce(%(month_start)s, %(now)s::timestamptz - interval '62 days')
        and hour < coalesce(%(month_end)s, %(now)s::timestamptz)
        and (%(tenant)s::text is null or tenant_id = %(tenant)s)
)

select
    revisions.restated_at,
    restated.tenant_id,
    restated.meter,
    restated.hour,
    revisions.revision,
    revisions.quantity_before,
    revisions.quantity_after,
    revisions.change,
    revisions.reason,
    revisions.caused_by,
    revisions.status as statement_status,
    revisions.identifier
from restated
cross join
    lateral (
        select restatements.*
        from fridge.restatements
        where
            restatements.tenant_id = restated.tenant_id
            and restatements.meter = restated.meter
            and restatements.hour = restated.hour
    ) as revisions
order by revisions.restated_at desc, revisions.identifier desc;

-- name: console_settlements
select
    settlement_id,
    exception_id,
    kind,
    tenant_id,
    hour,
    event_name as meter,
    how,
    coalesce((shares ->> %(tenant)s::text)::bigint, quantity) as settled_quantity,
    document,
    settled_by,
    approved_by,
    settled_at,
    reason as why
from fridge.settlements
where
    (%(tenant)s::text is null or tenant_id = %(tenant)s or (shares ? %(tenant)s))
    and (%(month_start)s::timestamptz is null or (hour >= %(month_start)s and hour < %(month_end)s))
order by settled_at desc, settlement_id desc;

-- name: console_corrections
select
    proposal_id,
    tenant_id,
    invoice_id,
    event_name as meter,
    period_start,
    period_end,
    old_quantity,
    new_quantity,
    delta as change,
    amount as amount_minor_units,
    currency,
    document_kind,
    state as correction_state,
    proposed_by,
    approved_by,
    document,
    case when state = 'written' then amount_in_stripe end as in_stripe_minor_units,
    proposed_at
from fridge.corrections
where %(tenant)s::text is null or tenant_id = %(tenant)s
order by proposal_id desc;

-- name: console_days_landed
select
    (hour at time zone 'UTC')::date as usage_date,
    count(*) as files,
    sum(row_count) as file_rows,
    sum(inserted_count) as inserted,
    sum(duplicate_count) as duplicates,
    sum(rejected_count) as rejected,
    count(*) filter (where status <> 'loaded') as files_damaged,
    count(*) filter (where is_withdrawn) as files_withdrawn
from fridge.landed_files
where
    hour >= coalesce(%(month_start)s, %(now)s::timestamptz - interval '31 days')
    and hour < coalesce(%(month_end)s, %(now)s::timestamptz + interval '1 hour')
group by usage_date
order by usage_date desc;

-- name: console_rejections
select
    reason as rejected_for,
    sum(rejected_rows) as rejected_rows,
    count(distinct file_id) as files,
    min(hour) as first_hour,
    max(hour) as last_hour,
    (array_agg(path order by rejected_rows desc, path asc))[1] as largest_file
from fridge.rejections
where
    hour >= coalesce(%(month_start)s, %(now)s::timestamptz - interval '31 days')
    and hour < coalesce(%(month_end)s, %(now)s::timestamptz + interval '1 hour')
group by reason
order by rejected_rows desc, rejected_for asc;

-- name: console_odd_files
select
    hour,
    path,
    status as file_status,
    row_count as file_rows,
    inserted_count as inserted,
    duplicate_count as duplicates,
    rejected_count as rejected,
    is_withdrawn,
    withdrawn_by,
    withdrawal_reason as why,
    loaded_at,
    content_hash
from fridge.landed_files
where
    (rejected_count > 0 or status <> 'loaded' or is_withdrawn)
    and hour >= coalesce(%(month_start)s, %(now)s::timestamptz - interval '31 days')
    and hour < coalesce(%(month_end)s, %(now)s::timestamptz + interval '1 hour')
order by hour desc, path asc;

-- name: console_checks
-- Each counts the rows that contradict it now; nothing of what was not compared, as Stripe's sums of the last 35 days.
select
    'files_add_up' as check_name,
    (
        select count(*) from fridge.landed_files
        where
            row_count <> inserted_count + duplicate_count + rejected_count
            and hour > %(now)s::timestamptz - interval '62 days'
    ) as contradicting,
    1 as place
union all
select
    'nothing_unexplained' as check_name,
    (
        select
            case
                when
                    count(*) > 0
                    or exists (
                        select 1 from fridge.stripe_days_read as days
                        where
                            days.usage_date > (%(now)s::timestamptz at time zone 'UTC')::date - 36
                            and days.last_read_at is not null
                    )
                    then count(*)
            end
        from fridge.exceptions_open
        where exceptions_open.kind = 'unexplained'
    ) as contradicting,
    2 as place
union all
select
    'nothing_contradicts' as check_name,
    (
        select count(*) from fridge.exceptions_open
        where kind = 'contradiction'
    ) as contradicting,
    2 as place
union all
select
    'no_deadline_passed' as check_name,
    (
        select count(*) from fridge.exceptions_open
        where deadline_at <= %(now)s
    ) as contradicting,
    3 as place
union all
select
    'no_deadline_near' as check_name,
    (
        select count(*) from fridge.exceptions_open
        where deadline_at > %(now)s and deadline_at <= %(now)s::timestamptz + interval '7 days'
    ) as contradicting,
    4 as place
union all
select
    'statements_are_answered' as check_name,
    (
        select count(*) from fridge.billing_ledger
        where status in ('staged', 'sent', 'unknown') and staged_at < %(now)s::timestamptz - interval '1 hour'
    ) as contradicting,
    5 as place
union all
select
    'invoices_are_explained' as check_name,
    (
        select case when count(*) > 0 then count(*) filter (where not is_explained) end from fridge.invoice_tie_out
    ) as contradicting,
    6 as place
union all
select
    'signatures_are_numbered' as check_name,
    (
        select coalesce(max(signoff_id), 0) - count(*) from fridge.month_signoffs
    ) as contradicting,
    7 as place
union all
select
    'packs_are_chained' as check_name,
    (
        select count(*) from fridge.evidence_packs as packs
        where
            packs.previous_sha256 is not null
            and not exists (
                select 1 from fridge.evidence_packs as earlier
                where earlier.manifest_sha256 = packs.previous_sha256
            )
    ) as contradicting,
    8 as place
union all
select
    'stripe_is_read' as check_name,
    (
        select sum(tenants_not_read)::bigint from fridge.stripe_days_read
        where
            usage_date > (%(now)s::timestamptz at time zone 'UTC')::date - 31
            and usage_date < (%(now)s::timestamptz at time zone 'UTC')::date - 1
    ) as contradicting,
    9 as place
order by place;

-- name: console_people
select
    login,
    string_agg(role, ', ' order by role) as roles,
    min(since) as since,
    string_agg(distinct added_by, ', ') as added_by
from fridge.people
group by login
order by login;

-- name: console_code
select
    program_version,
    source_sha256,
    min(started_at) as first_run_at,
    max(started_at) as last_run_at,
    count(*) as runs
from fridge.program_runs
group by program_version, source_sha256
order by last_run_at desc;

-- name: console_tenant_days
-- A tenant's own usage, and nothing else.
select
    usage_date,
    meter,
    quantity,
    hours_with_usage
from fridge.tenant_days
where
    tenant_id = %(tenant)s
    and hours_with_usage > 0
    and usage_date > (%(now)s::timestamptz at time zone 'UTC')::date - 92
order by usage_date desc, meter asc;
