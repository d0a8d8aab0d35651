-- name: evidence_billing_ledger
select * from fridge.billing_ledger
where
    hour >= %(start)s and hour < %(end)s
    and staged_at > %(after)s and staged_at <= %(until)s
order by tenant_id, meter, hour, revision;

-- name: evidence_billing_starts
-- All of them: which of the month's hours were stated is decided by the newest, whenever it was set. Empty means never.
select
    billing_start_id,
    case when isfinite(bill_from) then bill_from end as bill_from,
    set_at,
    acted_by,
    acted_at,
    os_user,
    os_host
from fridge.billing_starts
order by billing_start_id;

-- name: evidence_cancellations
select meter_event_adjustments.*
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where
    meter_events.hour >= %(start)s and meter_events.hour < %(end)s
    and meter_event_adjustments.staged_at > %(after)s and meter_event_adjustments.staged_at <= %(until)s
order by meter_event_adjustments.identifier;

-- name: evidence_data_gaps
-- Those that reach into the month.
select * from fridge.data_gaps
where silent_from < %(end)s and coalesce(silent_until > %(start)s, true)
order by tenant_id, sensor_id, silent_from;

-- name: evidence_dropped_months
select * from fridge.dropped_months
order by month;

-- name: evidence_exceptions
-- Those of the month's hours, and those without an hour that were open at some time of the month.
select * from fridge.exceptions
where
    (
        (hour >= %(start)s and hour < %(end)s)
        or (hour is null and opened_at < %(end)s and coalesce(closed_at >= %(start)s, true))
    )
    and opened_at > %(after)s and opened_at <= %(until)s
order by exception_id;

-- name: evidence_corrections
-- With who approved each and what became of it, as far as that was known then.
select
    proposals.proposal_id,
    proposals.correction_key,
    proposals.stripe_customer_id,
    proposals.tenant_id,
    proposals.event_name as meter,
    proposals.invoice_id,
    proposals.period_start,
    proposals.period_end,
    proposals.old_quantity,
    proposals.new_quantity,
    proposals.delta,
    proposals.price_id,
    proposals.amount as amount_minor_units,
    proposals.currency,
    proposals.document_kind,
    proposals.cause,
    proposals.acted_by as proposed_by,
    proposals.acted_at as proposed_at,
    approvals.acted_by as approved_by,
    approvals.acted_at as approved_at,
    documents.document,
    documents.document_number,
    documents.answer,
    documents.written_at,
    losses.answer as lost_because,
    losses.found_at as lost_at
from fridge.correction_proposals as proposals
left join fridge.correction_approvals as approvals
    on proposals.proposal_id = approvals.proposal_id and approvals.acted_at <= %(acted_until)s
left join fridge.correction_documents as documents
    on proposals.proposal_id = documents.proposal_id and documents.written_at <= %(until)s
left join fridge.correction_losses as losses
    on proposals.proposal_id = losses.proposal_id and losses.found_at <= %(until)s
where
    proposals.period_start < %(end)s and proposals.period_end > %(start)s
    and proposals.acted_at <= %(acted_until)s
    and (
        greatest(proposals.acted_at, approvals.acted_at) > %(acted_after)s
        or greatest(documents.written_at, losses.found_at) > %(after)s
    )
order by proposals.proposal_id;

-- name: evidence_correction_edits
-- Of those corrections: each time that Stripe showed the document with another amount than before.
select
    edits.proposal_id,
    edits.edit_id,
    edits.amount as amount_minor_units,
    proposals.currency,
    edits.found_at,
    edits.answer,
    edits.run_id
from fridge.correction_edits as edits
inner join fridge.correction_proposals as proposals on edits.proposal_id = proposals.proposal_id
where
    proposals.period_start < %(end)s and proposals.period_end > %(start)s
    and edits.found_at > %(after)s and edits.found_at <= %(until)s
order by edits.proposal_id, edits.edit_id;

-- name: evidence_invoices
-- Of which a line, or a comparison, is of a time that reaches into the month: as Stripe showed them each time that they
-- were not what they had been.
select * from fridge.invoice_snapshots
where
    invoice_id in (
        select stg_invoice_times.invoice_id
        from fridge.stg_invoice_times
        where stg_invoice_times.period_start < %(end)s and stg_invoice_times.period_end > %(start)s
    )
    and read_at > %(after)s and read_at <= %(until)s
order by invoice_id collate "C", snapshot_id;

-- name: evidence_invoice_lines
-- Of those invoices: all lines, of other months and of other things too.
select
    of_lines.invoice_id,
    lines.snapshot_id,
    lines.line_number,
    lines.line_id,
    prices.event_name as meter,
    lines.price_id,
    lines.period_start,
    lines.period_end,
    lines.quantity,
    lines.amount as amount_minor_units,
    lines.is_invoice_item,
    lines.is_proration,
    lines.is_discounted
from fridge.invoice_line_snapshots as lines
inner join fridge.invoice_snapshots as of_lines on lines.snapshot_id = of_lines.snapshot_id
left join fridge.prices on lines.price_id = prices.price_id
where
    of_lines.invoice_id in (
        select stg_invoice_times.invoice_id
        from fridge.stg_invoice_times
        where stg_invoice_times.period_start < %(end)s and stg_invoice_times.period_end > %(start)s
    )
    and of_lines.read_at > %(after)s and of_lines.read_at <= %(until)s
order by of_lines.invoice_id, lines.snapshot_id, lines.line_number;

-- name: evidence_invoice_tie_out
-- As compared last, which is never signed: an invoice may change, and a billing period reach out of the month.
select * from fridge.invoice_tie_out
where period_start < %(end)s and period_end > %(start)s
order by invoice_id collate "C" nulls last, stripe_customer_id, event_name, period_start;

-- name: evidence_invoice_day_reads
-- From the month on: an invoice is made when its period is over.
select * from fridge.invoice_day_reads
where
    day >= (%(start)s at time zone 'UTC')::date
    and read_at > %(after)s and read_at <= %(until)s
order by day, day_read_id;

-- name: evidence_landing_file_tenants
select
    landing_file_tenants.file_id,
    landing_files.path,
    landing_files.landing_hour,
    landing_file_tenants.tenant_id,
    landing_file_tenants.row_count,
    landing_file_tenants.inserted_count,
    landing_file_tenants.duplicate_count,
    landing_file_tenants.rejected_count
from fridge.landing_file_tenants
inner join fridge.landing_files on landing_file_tenants.file_id = landing_files.file_id
where
    landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
    and landing_files.loaded_at > %(after)s and landing_files.loaded_at <= %(until)s
order by landing_files.landing_hour, landing_file_tenants.tenant_id, landing_file_tenants.file_id;

-- name: evidence_landing_files
select * from fridge.landing_files
where
    landing_hour >= %(start)s and landing_hour < %(end)s
    and loaded_at > %(after)s and loaded_at <= %(until)s
order by file_id;

-- name: evidence_decisions
-- Also what was decided after the month ended: its last hours are billed then, and others are stated anew.
select * from fridge.decisions
where acted_at > %(acted_after)s and acted_at <= %(acted_until)s
order by decision_id;

-- name: evidence_meter_event_attempts
select meter_event_attempts.*
from fridge.meter_event_attempts
inner join fridge.meter_events on meter_event_attempts.identifier = meter_events.identifier
where
    meter_events.hour >= %(start)s and meter_events.hour < %(end)s
    and meter_event_attempts.sent_at > %(after)s and meter_event_attempts.sent_at <= %(until)s
order by meter_event_attempts.attempt_id;

-- name: evidence_month_signoffs
select * from fridge.month_signoffs
where month = (%(start)s at time zone 'UTC')::date
order by signoff_id;

-- name: evidence_people_changes
select * from fridge.people_changes
order by change_id;

-- name: evidence_rejected_readings
select
    landing_files.file_id,
    landing_files.path,
    landing_files.landing_hour,
    rejected_rows.reason,
    sum(rejected_rows.row_count)::bigint as rows_rejected
from fridge.rejected_rows
inner join fridge.landing_files on rejected_rows.file_id = landing_files.file_id
where
    landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
    and landing_files.loaded_at > %(after)s and landing_files.loaded_at <= %(until)s
group by landing_files.file_id, landing_files.path, landing_files.landing_hour, rejected_rows.reason
order by landing_files.file_id, rejected_rows.reason;

-- name: evidence_releases
select * from fridge.releases
where
    hour >= %(start)s and hour < %(end)s
    and coalesce(acted_at, released_at) > %(acted_after)s
    and coalesce(acted_at, released_at) <= %(acted_until)s
order by release_id;

-- name: evidence_restores
-- All of them: what was done after the dump is in no books, whichever month it concerns.
select
    restore_id,
    place,
    noticed_at
from fridge.restores
order by restore_id;

-- name: evidence_restatements
select * from fridge.restatements
where
    hour >= %(start)s and hour < %(end)s
    and restated_at > %(after)s and restated_at <= %(until)s
order by tenant_id, meter, hour, revision;

-- name: evidence_runs
with statements as (
    select
        identifier,
        run_id,
        staged_at
    from fridge.meter_events
    where hour >= %(start)s and hour < %(end)s
),

work as (
    select
        run_id,
        'loaded landing files' as did,
        loaded_at as done_at
    from fridge.landing_files
    where landing_hour >= %(start)s and landing_hour < %(end)s
    union all
    select
        run_id,
        'staged statements' as did,
        staged_at as done_at
    from statements
    union all
    select
        meter_event_attempts.run_id,
        'sent statements' as did,
        meter_event_attempts.sent_at as done_at
    from fridge.meter_event_attempts
    inner join statements on meter_event_attempts.identifier = statements.identifier
    union all
    select
        stripe_readbacks.run_id,
        'read statements back' as did,
        stripe_readbacks.read_at as done_at
    from fridge.stripe_readbacks
    inner join statements on stripe_readbacks.identifier = statements.identifier
    union all
    select
        meter_event_adjustments.run_id,
        'cancelled statements' as did,
        meter_event_adjustments.staged_at as done_at
    from fridge.meter_event_adjustments
    inner join statements on meter_event_adjustments.identifier = statements.identifier
    union all
    select
        run_id,
        'compared with Stripe' as did,
        read_at as done_at
    from fridge.stripe_reconciliation
    where day >= (%(start)s at time zone 'UTC')::date and day < (%(end)s at time zone 'UTC')::date
)

select
    work.run_id,
    work.did,
    count(*) as times,
    min(work.done_at) as first_at,
    max(work.done_at) as last_at,
    runs.program_version,
    runs.source_sha256,
    runs.launched_by,
    runs.acted_by,
    runs.os_user,
    runs.os_host
from work
left join fridge.runs on work.run_id = runs.run_id
group by
    work.run_id,
    work.did,
    runs.program_version,
    runs.source_sha256,
    runs.launched_by,
    runs.acted_by,
    runs.os_user,
    runs.os_host
order by first_at, work.run_id, work.did;

-- name: evidence_stripe_day_reads
select * from fridge.stripe_day_reads
where
    day >= (%(start)s at time zone 'UTC')::date and day < (%(end)s at time zone 'UTC')::date
    and read_at > %(after)s and read_at <= %(until)s
order by tenant_id, event_name, day, stripe_customer_id, read_at, day_read_id;

-- name: evidence_stripe_range_reads
-- Those that reach into the month.
select * from fridge.stripe_range_reads
where
    first_day < (%(end)s at time zone 'UTC')::date and last_day >= (%(start)s at time zone 'UTC')::date
    and read_at > %(after)s and read_at <= %(until)s
order by tenant_id, event_name, stripe_customer_id, read_at, range_read_id;

-- name: evidence_stripe_readbacks
select stripe_readbacks.*
from fridge.stripe_readbacks
inner join fridge.meter_events on stripe_readbacks.identifier = meter_events.identifier
where
    meter_events.hour >= %(start)s and meter_events.hour < %(end)s
    and stripe_readbacks.read_at > %(after)s and stripe_readbacks.read_at <= %(until)s
order by stripe_readbacks.readback_id;

-- name: evidence_stripe_summaries
select * from fridge.stripe_reconciliation
where
    day >= (%(start)s at time zone 'UTC')::date and day < (%(end)s at time zone 'UTC')::date
    and coalesce(read_at, %(start)s) > %(after)s and coalesce(read_at, %(start)s) <= %(until)s
order by tenant_id, event_name, day, hour nulls first, stripe_customer_id;

-- name: evidence_stripe_sums
-- In the order of the tie-out: whoever verifies reads both row by row. Of several sums of a customer the last counts.
select
    tenant_id,
    event_name as meter,
    hour,
    stripe_customer_id,
    quantity,
    read_at,
    run_id,
    sum_id
from fridge.stripe_sums
where
    hour >= %(start)s and hour < %(end)s
    and read_at > %(after)s and read_at <= %(until)s
order by tenant_id, event_name, hour, stripe_customer_id, read_at, sum_id;

-- name: evidence_settlement_decisions
-- With who approved it where that takes two: in force is what does not, or is approved. What was approved after the
-- signature was not in force before it.
select
    decisions.*,
    approvals.acted_by as approved_by,
    approvals.acted_at as approved_at
from fridge.settlement_decisions as decisions
left join fridge.settlement_approvals as approvals
    on decisions.settlement_id = approvals.settlement_id and approvals.acted_at <= %(acted_until)s
where
    coalesce(decisions.hour, decisions.acted_at) >= %(start)s
    and coalesce(decisions.hour, decisions.acted_at) < %(end)s
    and greatest(decisions.acted_at, approvals.acted_at) > %(acted_after)s
    and decisions.acted_at <= %(acted_until)s
order by decisions.settlement_id;

-- name: evidence_month_outcome
select * from fridge.month_outcome
where usage_month = (%(start)s at time zone 'UTC')::date
order by meter, outcome, cause;

-- name: evidence_tenant_changes
-- All of them: which customer an hour was stated to is decided by the newest of its time.
select * from fridge.tenant_changes
order by change_id;

-- name: evidence_stripe_uses
select * from fridge.stripe_uses
order by use_id;

-- name: evidence_tenants
select * from fridge.tenants
order by tenant_id;

-- name: evidence_tie_out
select * from fridge.tie_out
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour;

-- name: evidence_tie_out_differences
select * from fridge.tie_out_differences
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour, step;

-- name: evidence_usage_daily
select * from fridge.usage_daily
where usage_date >= (%(start)s at time zone 'UTC')::date and usage_date < (%(end)s at time zone 'UTC')::date
order by tenant_id, meter, usage_date;

-- name: evidence_usage_hourly
select * from fridge.usage_hourly
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour;

-- name: evidence_usage_monthly
select * from fridge.usage_monthly
where usage_month = (%(start)s at time zone 'UTC')::date
order by tenant_id, meter;

-- name: evidence_withdrawals
select
    withdrawals.file_id,
    landing_files.path,
    landing_files.landing_hour,
    landing_files.inserted_count,
    withdrawals.reason,
    withdrawals.withdrawn_by,
    withdrawals.withdrawn_at,
    withdrawals.acted_by,
    withdrawals.acted_at,
    withdrawals.os_user,
    withdrawals.os_host
from fridge.withdrawals
inner join fridge.landing_files on withdrawals.file_id = landing_files.file_id
where
    landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
    and coalesce(withdrawals.acted_at, withdrawals.withdrawn_at) > %(acted_after)s
    and coalesce(withdrawals.acted_at, withdrawals.withdrawn_at) <= %(acted_until)s
order by withdrawals.file_id;

-- name: lock_evidence
select pg_advisory_lock(hashtextextended('evidence', 0));

-- name: release_evidence
select pg_advisory_unlock(hashtextextended('evidence', 0));

-- name: month_is_closed
select fridge.month_is_closed(%(start)s) as is_closed;

-- name: schema_versions
select
    number,
    title,
    sha256
from fridge.schema_migrations
order by number;

-- name: previous_evidence
-- The newest pack of the latest earlier month that has one.
select
    to_char(evidence_packs.month, 'YYYY-MM') as month_key,
    evidence_packs.manifest_sha256
from fridge.evidence_packs
where evidence_packs.month < %(month)s
order by evidence_packs.month desc, evidence_packs.pack_id desc
limit 1;

-- name: has_files_before
select
    exists(
        select 1 from fridge.landing_files
        where landing_hour < %(start)s
    ) as has_files;

-- name: record_evidence
-- The same pack made again is the same pack.
insert into fridge.evidence_packs (month, manifest_sha256, previous_sha256, made_at, made_by, run_id)
values (%(month)s, %(manifest_sha256)s, %(previous_sha256)s, %(now)s, %(made_by)s, %(run_id)s)
on conflict (manifest_sha256) do nothing;

-- name: columns_of_select
select * from ({select}) as selected
where false;

-- name: copy_as_csv
-- The rows of a select as CSV, in its order.
copy (
    select {columns}
    from ({select}) as selected
) to stdout with (format csv, header true, encoding 'utf8');

-- name: export_snapshot
select pg_export_snapshot() as snapshot;

-- name: take_snapshot
set transaction snapshot {snapshot}; -- noqa: PRS

-- name: copy_rows
-- The rows of a select as text for polars, which tells an empty text from nothing by the quotes around it.
copy (
    select {columns}
    from ({select}) as selected
) to stdout with (format csv, null '␀ nothing ␀', encoding 'utf8');

-- name: copy_by_tenant
-- The same in the order of the tenants as polars has it, byte by byte.
copy (
    select {columns}
    from ({select}) as selected
    order by tenant_id collate "C"
) to stdout with (format csv, null '␀ nothing ␀', encoding 'utf8');

-- name: evidence_statements
-- Per tenant and meter a row a day, and after them the row of the total; made of the tie-out of the pack.
with hours as (
    select
        tie_out.tenant_id,
        tenants.name as tenant_name,
        tie_out.meter,
        (tie_out.hour at time zone 'UTC')::date as usage_day,
        tie_out.usage_quantity,
        tie_out.stated_quantity,
        tie_out.stripe_quantity
    from ({select}) as tie_out
    left join fridge.tenants on tie_out.tenant_id = tenants.tenant_id
)

select
    tenant_id,
    tenant_name,
    meter,
    coalesce(usage_day::text, 'total') as day,
    sum(usage_quantity) as usage,
    sum(stated_quantity) as stated,
    sum(stripe_quantity) as stripe,
    count(usage_quantity) as hours_with_usage,
    count(*) filter (where stripe_quantity is null) as hours_not_read
from hours
group by grouping sets ((tenant_id, tenant_name, meter, usage_day), (tenant_id, tenant_name, meter))
order by tenant_id, meter, usage_day nulls last;

-- name: explain_usage
select
    measure,
    quantity
from fridge.usage
where tenant_id = %(tenant)s and hour = %(hour)s;

-- name: explain_files
-- The files of a landing hour, with what became of one tenant's rows in each as it was recorded when the file was
-- loaded: all of them for every_file, else those that may hold rows of the tenant. A file with rows of which no tenant
-- is on record was loaded before they were recorded: its counts by tenant are empty.
with tallies as (
    select
        file_id,
        sum(row_count) filter (where tenant_id = %(tenant)s) as row_count,
        sum(inserted_count) filter (where tenant_id = %(tenant)s) as inserted_count,
        sum(duplicate_count) filter (where tenant_id = %(tenant)s) as duplicate_count,
        sum(rejected_count) filter (where tenant_id = %(tenant)s) as rejected_count,
        sum(row_count) filter (where tenant_id is null) as unknown_count
    from fridge.tenant_files
    where hour = %(hour)s
    group by file_id
),

files as (
    select
        landed_files.*,
        landed_files.row_count = 0 or tallies.file_id is not null as is_recorded,
        coalesce(tallies.row_count, 0)::bigint as tenant_row_count,
        coalesce(tallies.inserted_count, 0)::bigint as tenant_inserted_count,
        coalesce(tallies.duplicate_count, 0)::bigint as tenant_duplicate_count,
        coalesce(tallies.rejected_count, 0)::bigint as tenant_rejected_count,
        coalesce(tallies.unknown_count, 0)::bigint as unknown_count
    from fridge.landed_files
    left join tallies on landed_files.file_id = tallies.file_id
    where landed_files.hour = %(hour)s
)

select
    file_id,
    path,
    status,
    row_count,
    inserted_count,
    duplicate_count,
    rejected_count,
    is_recorded as tenant_is_recorded,
    case when is_recorded then tenant_row_count end as tenant_row_count,
    case when is_recorded then tenant_inserted_count end as tenant_inserted_count,
    case when is_recorded then tenant_duplicate_count end as tenant_duplicate_count,
    case when is_recorded then tenant_rejected_count end as tenant_rejected_count,
    case when is_recorded then unknown_count end as unknown_tenant_count,
    content_hash,
    run_id,
    loaded_at,
    is_withdrawn,
    withdrawn_at,
    withdrawn_by,
    withdrawal_reason
from files
where coalesce(%(every_file)s::boolean, false) or not is_recorded or tenant_row_count > 0
order by path, file_id;

-- name: explain_stored
-- What is stored now of one tenant in each file of a landing hour.
select
    file_id,
    count(*) as tenant_stored_count,
    count(distinct sensor_id) as tenant_sensors
from fridge.readings
where tenant_id = %(tenant)s and landing_hour = %(hour)s
group by file_id;

-- name: explain_rejected
-- The first rejected rows of one tenant in each file of a landing hour. The tally says in which files there are any.
select
    rejected.file_id,
    landing_files.path,
    rejected.line,
    rejected.reason,
    rejected.raw
from fridge.landing_files
inner join fridge.landing_file_tenants
    on
        landing_files.file_id = landing_file_tenants.file_id
        and landing_file_tenants.tenant_id = %(tenant)s
        and landing_file_tenants.rejected_count > 0
cross join
    lateral (
        select
            rejected_readings.file_id,
            rejected_readings.line,
            rejected_readings.reason,
            rejected_readings.raw
        from fridge.rejected_readings
        where
            rejected_readings.path = landing_files.path
            and rejected_readings.file_id = landing_files.file_id
            and rejected_readings.tenant_id = %(tenant)s
        order by rejected_readings.line
        limit %(rejected_max)s
    ) as rejected
where landing_files.landing_hour = %(hour)s
order by landing_files.path, landing_files.file_id, rejected.line
limit %(rejected_max_in_all)s;

-- name: explain_statements
select
    meter as event_name,
    revision,
    quantity::bigint as value,
    is_difference,
    status,
    is_counted_by_stripe,
    identifier,
    stripe_customer_id,
    attempts,
    http_status,
    request_id,
    answer,
    staged_at,
    first_sent_at,
    settled_at,
    run_id
from fridge.billing_ledger
where tenant_id = %(tenant)s and hour = %(hour)s
order by meter, revision;

-- name: explain_deliveries
-- What was done at Stripe about the statements of one tenant and hour, in the order in which it was done.
select
    act,
    acted_at,
    identifier,
    outcome,
    attempt,
    tries,
    latency_seconds,
    is_cancellation,
    value_before,
    value_after,
    value_seen,
    http_status,
    request_id,
    answer,
    run_id
from fridge.deliveries
where tenant_id = %(tenant)s and hour = %(hour)s
order by acted_at, delivery_id;

-- name: explain_cancellations
select
    meter_event_adjustments.identifier,
    meter_event_adjustments.status,
    meter_event_adjustments.staged_at,
    meter_event_adjustments.first_sent_at,
    meter_event_adjustments.settled_at,
    meter_event_adjustments.attempts,
    meter_event_adjustments.http_status,
    meter_event_adjustments.request_id,
    meter_event_adjustments.answer,
    meter_event_adjustments.run_id
from fridge.meter_event_adjustments
inner join fridge.meter_events on meter_event_adjustments.identifier = meter_events.identifier
where meter_events.tenant_id = %(tenant)s and meter_events.hour = %(hour)s
order by meter_events.event_name, meter_events.revision;

-- name: explain_stripe
-- What Stripe answered for one tenant and hour when it was last read, per meter and customer that the hour concerns:
-- who it was stated to, who it was reconciled with, and who the tenant is mapped to now. Of a day that was read by the
-- hour, an hour without a sum is one of which Stripe showed nothing.
with accounts as (
    select
        event_name,
        stripe_customer_id
    from fridge.meter_events
    where tenant_id = %(tenant)s and hour = %(hour)s and (first_sent_at is not null or status = 'staged')
    union
    select
        event_name,
        stripe_customer_id
    from fridge.stripe_sums
    where tenant_id = %(tenant)s and hour = %(hour)s
    union
    select
        unnest(%(event_names)s::text[]) as event_name,
        stripe_customer_id
    from fridge.tenants
    where tenant_id = %(tenant)s and stripe_customer_id is not null
),

ledger as (
    select
        meter_events.event_name,
        meter_events.stripe_customer_id,
        max(
            greatest(meter_events.last_sent_at, meter_events.settled_at, meter_event_adjustments.settled_at)
        ) as changed_at,
        -- Stripe may refuse later what it showed when it was read.
        (array_agg(meter_events.status order by meter_events.revision desc))[1] = 'refused' as is_refused
    from fridge.meter_events
    left join fridge.meter_event_adjustments on meter_events.identifier = meter_event_adjustments.identifier
    where meter_events.tenant_id = %(tenant)s and meter_events.hour = %(hour)s
    group by meter_events.event_name, meter_events.stripe_customer_id
),

of_days as (
    select
        event_name,
        stripe_customer_id,
        max(read_at) as read_at,
        max(read_at) filter (where read_by = 'hour') as hours_read_at
    from fridge.stripe_day_reads
    where tenant_id = %(tenant)s and day = (%(hour)s::timestamptz at time zone 'UTC')::date
    group by event_name, stripe_customer_id
)

select
    accounts.event_name,
    accounts.stripe_customer_id,
    case when of_days.hours_read_at is not null then coalesce(sums.quantity, 0) end as value,
    coalesce(of_days.hours_read_at, of_days.read_at) as read_at,
    case
        when of_days.read_at is null then 'not read'
        when of_days.hours_read_at is null then 'only the day was read, not the hour'
        when ledger.is_refused or ledger.changed_at >= of_days.hours_read_at then 'before the ledger changed'
        else 'reconciliation'
    end as source,
    differing.detail
from accounts
left join ledger
    on accounts.event_name = ledger.event_name and accounts.stripe_customer_id = ledger.stripe_customer_id
left join of_days
    on accounts.event_name = of_days.event_name and accounts.stripe_customer_id = of_days.stripe_customer_id
left join fridge.newest_stripe_sums as sums
    on
        accounts.event_name = sums.event_name
        and accounts.stripe_customer_id = sums.stripe_customer_id
        and sums.tenant_id = %(tenant)s
        and sums.hour = %(hour)s
left join fridge.stripe_reconciliation as differing
    on
        accounts.event_name = differing.event_name
        and accounts.stripe_customer_id = differing.stripe_customer_id
        and differing.tenant_id = %(tenant)s
        and differing.hour = %(hour)s
        and differing.read_at is not null
order by accounts.event_name, accounts.stripe_customer_id;

-- name: explain_exceptions
select
    exception_id,
    kind,
    subject,
    owed,
    detail,
    opened_at,
    deadline_at,
    closed_at
from fridge.exceptions_all
where hour = %(hour)s and (tenant_id = %(tenant)s or tenant_id is null)
order by opened_at, exception_id;

-- name: explain_settlements
-- What people have ended of the hour: its own exceptions, and those of every tenant of which the tenant has a share.
select
    settlement_id,
    kind,
    event_name,
    how,
    coalesce((shares ->> %(tenant)s)::bigint, quantity) as quantity,
    document,
    reason,
    settled_by,
    approved_by,
    settled_at
from fridge.settlements
where
    hour = %(hour)s
    and (tenant_id = %(tenant)s or (shares ? %(tenant)s) or (tenant_id is null and shares is null))
order by settled_at, settlement_id;

-- name: explain_invoice_lines_of_hour
-- The lines that bill the hour, by the stamp of its meter events, half past: of customers that it was stated to, and of
-- the tenant's now. Void invoices too, which say so; beside each the quantity of its period, and what corrections did.
with customers as (
    select stripe_customer_id
    from fridge.billing_ledger
    where tenant_id = %(tenant)s and hour = %(hour)s
    union
    select stripe_customer_id
    from fridge.tenants_now
    where tenant_id = %(tenant)s and stripe_customer_id is not null
)

select
    invoices.invoice_id,
    invoices.invoice_number as "number",
    invoices.status,
    invoices.finalized_at,
    invoices.currency,
    invoice_lines.line_id,
    invoice_lines.meter as event_name,
    invoice_lines.period_start,
    invoice_lines.period_end,
    invoice_lines.quantity,
    invoice_lines.amount_minor_units as amount,
    compared.usage_quantity,
    compared.invoice_quantity,
    compared.cause,
    (
        select array_agg(corrections.document order by corrections.proposal_id)
        from fridge.corrections
        where
            corrections.invoice_id = invoices.invoice_id
            and corrections.event_name = invoice_lines.meter
            and corrections.period_start = compared.period_start
            and corrections.state = 'written'
    ) as corrected_by
from fridge.invoices_read as invoices
inner join customers on invoices.stripe_customer_id = customers.stripe_customer_id
inner join fridge.invoice_lines_read as invoice_lines on invoices.invoice_id = invoice_lines.invoice_id
left join fridge.invoice_tie_out as compared
    on
        invoices.invoice_id = compared.invoice_id
        and invoice_lines.meter = compared.event_name
        and invoice_lines.period_start >= compared.period_start
        and invoice_lines.period_end <= compared.period_end
where
    invoice_lines.meter is not null
    and invoice_lines.period_start <= %(hour)s::timestamptz + interval '30 minutes'
    and invoice_lines.period_end > %(hour)s::timestamptz + interval '30 minutes'
order by invoice_lines.meter, invoices.created_at, invoices.invoice_id, invoice_lines.line_number;

-- name: explain_runs
with named as (
    select run_id
    from fridge.landed_files
    where hour = %(hour)s

    union

    select run_id
    from fridge.billing_ledger
    where tenant_id = %(tenant)s and hour = %(hour)s
)

select
    runs.run_id,
    runs.program_version,
    runs.source_sha256,
    runs.started_at,
    runs.launched_by
from named
inner join fridge.program_runs as runs on named.run_id = runs.run_id
order by runs.started_at, runs.run_id;

-- name: month_of_months
select * from fridge.{mart}
where usage_month = %(first_day)s;

-- name: month_of_days
select * from fridge.{mart}
where usage_date >= %(first_day)s and usage_date < %(next_day)s
order by tenant_id, usage_date;

-- name: month_of_exceptions
select * from fridge.{mart}
where coalesce(hour, opened_at) >= %(start)s and coalesce(hour, opened_at) < %(end)s
order by opened_at, exception_id;

-- name: month_of_decisions
-- Until nothing of the month can be stated any more: its last hours are billed when it is over.
select * from fridge.{mart}
where (decided_at is null or decided_at < %(end)s + interval '35 days') and (until is null or until > %(start)s)
order by subject, decided_at nulls first;

-- name: month_of_gaps
select * from fridge.{mart}
where silent_from < %(end)s and (silent_until is null or silent_until > %(start)s)
order by tenant_id, sensor_id, silent_from;

-- name: month_of_mappings
-- From the month's beginning until nothing of it can be stated any more.
select * from fridge.{mart}
where changed_at >= %(start)s and changed_at < %(end)s + interval '35 days'
order by changed_at, change_id;

-- name: month_of_hours
select * from fridge.{mart}
where hour >= %(start)s and hour < %(end)s
order by tenant_id collate "C", hour;

-- name: month_of_files
select * from fridge.{mart}
where hour >= %(start)s and hour < %(end)s
order by hour, path, file_id;

-- name: months_around
-- How late usage arrives is seen from other months: those before, and what has come since.
select * from fridge.{mart}
where month_billed >= %(first_day)s::date - make_interval(months => %(months_back)s)
order by tenant_id, meter, month_billed, month_recorded;

-- name: signoffs_of_all_months
select * from fridge.{mart}
order by signoff_id;

-- name: stripe_of_month
-- Where it went, by when the statements of the month's hours were sent.
select
    uses.mode,
    uses.host,
    uses.account_id,
    uses.used_since
from (
    select
        *,
        lead(used_since) over (order by use_id) as used_until
    from fridge.stripe_uses
) as uses
where
    exists (
        select 1 from fridge.meter_events as statements
        where
            statements.hour >= %(start)s and statements.hour < %(end)s
            and statements.first_sent_at >= uses.used_since
            and coalesce(statements.first_sent_at < uses.used_until, true)
    )
order by uses.use_id;

-- name: signed_in
select
    session_user::text as login,
    nullif(current_setting('fridge.os_user', true), '') as os_user,
    nullif(current_setting('fridge.os_host', true), '') as os_host;

-- name: signed_month
select
    signed_months.signoff_id,
    stg_signed_months.is_closed,
    stg_signed_months.has_hours,
    signed_months.prepared_at,
    signed_months.acted_at
from fridge.signed_months
inner join fridge.stg_signed_months on signed_months.month = stg_signed_months.usage_month
where signed_months.month = %(month)s;

-- name: signed_usage_monthly
-- What usage_monthly said when the month was signed; so with the next four.
select
    signed_hours.tenant_id,
    tenants.name as tenant_name,
    signed_hours.meter,
    %(first_day)s::date as usage_month,
    sum(signed_hours.usage_quantity) as quantity,
    count(*) as hours_with_usage,
    min(signed_hours.hour) as first_hour,
    max(signed_hours.hour) as last_hour,
    sum(signed_hours.readings)::bigint as readings,
    sum(signed_hours.late_readings)::bigint as late_readings,
    round(sum(signed_hours.late_readings) / nullif(sum(signed_hours.readings), 0), 6) as late_share
from fridge.signed_hours
left join fridge.tenants on signed_hours.tenant_id = tenants.tenant_id
where signed_hours.signoff_id = %(signoff_id)s and signed_hours.usage_quantity is not null
group by signed_hours.tenant_id, tenants.name, signed_hours.meter
order by signed_hours.tenant_id, signed_hours.meter;

-- name: signed_usage_daily
select
    tenant_id,
    meter,
    (hour at time zone 'UTC')::date as usage_date,
    sum(usage_quantity) as quantity,
    count(*) as hours_with_usage,
    min(hour) as first_hour,
    max(hour) as last_hour,
    sum(readings)::bigint as readings,
    sum(late_readings)::bigint as late_readings,
    round(sum(late_readings) / nullif(sum(readings), 0), 6) as late_share
from fridge.signed_hours
where signoff_id = %(signoff_id)s and usage_quantity is not null
group by tenant_id, meter, usage_date
order by tenant_id, meter, usage_date;

-- name: signed_usage_hourly
select
    tenant_id,
    meter,
    hour,
    usage_quantity as quantity,
    readings,
    late_readings,
    round(late_readings::numeric / nullif(readings, 0), 6) as late_share
from fridge.signed_hours
where signoff_id = %(signoff_id)s and usage_quantity is not null
order by tenant_id, meter, hour;

-- name: signed_tie_out
select
    tenant_id,
    meter,
    hour,
    file_rows,
    inserted,
    duplicates,
    rejected,
    derived_quantity,
    usage_quantity,
    stated_quantity,
    invoiced_by_hand_quantity,
    credited_quantity,
    written_off_quantity,
    stated_revision,
    stripe_quantity,
    stripe_read_at,
    difference_in_files,
    difference_in_usage,
    difference_in_ledger,
    difference_in_stripe,
    cause_in_files,
    cause_in_usage,
    cause_in_ledger,
    cause_in_stripe,
    cause,
    amount,
    status
from fridge.signed_hours
where signoff_id = %(signoff_id)s
order by tenant_id, meter, hour;

-- name: signed_tie_out_differences
select
    signed_hours.tenant_id,
    signed_hours.meter,
    signed_hours.hour,
    steps.step,
    steps.expected,
    steps.found,
    steps.amount,
    steps.cause,
    causes.is_explained,
    causes.meaning as detail
from fridge.signed_hours
cross join
    lateral (
        values
        (
            'files',
            signed_hours.derived_quantity - signed_hours.difference_in_files,
            signed_hours.derived_quantity,
            signed_hours.difference_in_files,
            signed_hours.cause_in_files
        ),
        (
            'usage',
            coalesce(signed_hours.usage_quantity, 0) - signed_hours.difference_in_usage,
            signed_hours.usage_quantity,
            signed_hours.difference_in_usage,
            signed_hours.cause_in_usage
        ),
        (
            'ledger',
            signed_hours.usage_quantity,
            signed_hours.stated_quantity,
            signed_hours.difference_in_ledger,
            signed_hours.cause_in_ledger
        ),
        (
            'stripe',
            signed_hours.stated_quantity,
            signed_hours.stripe_quantity,
            signed_hours.difference_in_stripe,
            signed_hours.cause_in_stripe
        )
    ) as steps (step, expected, found, amount, cause)
inner join fridge.causes on steps.cause = causes.cause
where signed_hours.signoff_id = %(signoff_id)s
order by signed_hours.tenant_id, signed_hours.meter, signed_hours.hour, steps.step;

-- name: annex_signed_changes
select * from fridge.signed_changes
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour;

-- name: annex_signed_figures
select * from fridge.signed_figures
where usage_month = %(first_day)s
order by tenant_id, meter;

-- name: newest_signoff
select
    action,
    signed_by,
    signed_at,
    control_totals,
    reason,
    acted_by
from fridge.month_signoffs
where month = %(month)s
order by signoff_id desc
limit 1;

-- name: sign_month
insert into fridge.month_signoffs (month, action, signed_by, reason, control_totals, signed_at)
values (%(month)s, %(action)s, %(signed_by)s, %(reason)s, %(control_totals)s, %(now)s)
returning signoff_id, control_totals;

-- name: control_totals
-- What a month comes to, as finance signs it: per meter by the tie-out, and its landing files.
with meters as (
    select
        meter,
        sum(usage_quantity) as usage,
        sum(stated_quantity) as stated,
        sum(stripe_quantity) as stripe,
        count(distinct tenant_id) filter (where usage_quantity is not null) as tenants,
        count(*) filter (where usage_quantity is not null) as tenant_hours,
        count(*) filter (where status = 'explained') as tenant_hours_explained,
        count(*) filter (where status = 'not_read') as tenant_hours_not_read
    from fridge.tie_out
    where hour >= %(month_start)s and hour < %(month_end)s
    group by meter
),

landed as (
    select
        count(*) as files,
        coalesce(sum(row_count), 0) as row_count,
        coalesce(sum(inserted_count), 0) as inserted_count,
        coalesce(sum(duplicate_count), 0) as duplicate_count,
        coalesce(sum(rejected_count), 0) as rejected_count
    from fridge.landing_files
    where landing_hour >= %(month_start)s and landing_hour < %(month_end)s
)

select
    jsonb_build_object(
        'meters', coalesce((select jsonb_object_agg(meter, to_jsonb(meters) - 'meter') from meters), '{}'),
        'files', (select to_jsonb(landed) from landed)
    ) as control_totals;

-- name: outcome_of_month
select * from fridge.month_outcome
where usage_month = (%(month_start)s at time zone 'UTC')::date;

-- name: unexplained_of_month
-- The differences of a month that nobody has explained: the first few, each with how many there are.
select
    tenant_id,
    meter,
    hour,
    cause,
    amount,
    count(*) over () as differences
from fridge.tie_out
where
    hour >= %(month_start)s
    and hour < %(month_end)s
    and status = 'unexplained'
order by hour, tenant_id, meter
limit %(shown)s;

-- name: unexplained_when_signed
-- The same of what a preparation signs.
select
    tenant_id,
    meter,
    hour,
    cause,
    amount,
    count(*) over () as differences
from fridge.signed_hours
where signoff_id = %(signoff_id)s and status = 'unexplained'
order by hour, tenant_id, meter
limit %(shown)s;

-- name: differences_of_month
-- Everything of a month that is not as it was counted, for whoever approves it.
select
    meter,
    cause,
    sum(amount) as amount,
    count(*) as tenant_hours
from fridge.tie_out_differences
where
    hour >= %(month_start)s
    and hour < %(month_end)s
group by meter, cause
order by meter, cause;

-- name: invoices_of_month
-- What is wrong on invoices of periods that begin in the month; usage may be billed and on no invoice.
select
    kind,
    tenant_id,
    subject,
    not_invoiced,
    amount_minor_units,
    currency
from fridge.exceptions_open
where
    about = 'period'
    and hour >= %(month_start)s
    and hour < %(month_end)s
order by exception_id;

-- name: under_way_of_month
select
    identifier,
    status,
    count(*) over () as statements
from fridge.statements_under_way
where hour >= %(month_start)s and hour < %(month_end)s
order by hour, identifier
limit %(shown)s;

-- name: open_unexplained_of_month
select
    tenant_id,
    hour,
    subject,
    count(*) over () as exceptions
from fridge.open_exceptions
where
    kind = 'unexplained'
    and hour >= %(month_start)s
    and hour < %(month_end)s
order by hour, tenant_id, subject
limit %(shown)s;

-- name: outdated_sums_of_month
-- Hours that were decided about after Stripe was last read for them, by the hour; and what it takes to read them again.
-- What was never read is another matter: see unread_of_month.
with statements as (
    select
        identifier,
        tenant_id,
        event_name,
        stripe_customer_id,
        hour,
        settled_at
    from fridge.meter_events
    where hour >= %(month_start)s and hour < %(month_end)s and first_sent_at is not null
),

hourly_reads as (
    select
        tenant_id,
        event_name,
        stripe_customer_id,
        day,
        read_at
    from fridge.newest_hourly_reads
    where day >= (%(month_start)s at time zone 'UTC')::date and day < (%(month_end)s at time zone 'UTC')::date
),

changed as (
    select
        statements.tenant_id,
        statements.event_name,
        statements.stripe_customer_id,
        statements.hour,
        (statements.hour at time zone 'UTC')::date as day,
        max(greatest(statements.settled_at, meter_event_adjustments.settled_at)) as changed_at
    from statements
    left join fridge.meter_event_adjustments on statements.identifier = meter_event_adjustments.identifier
    group by statements.tenant_id, statements.event_name, statements.stripe_customer_id, statements.hour
),

outdated as (
    select changed.*
    from changed
    inner join hourly_reads
        on
            changed.tenant_id = hourly_reads.tenant_id
            and changed.event_name = hourly_reads.event_name
            and changed.stripe_customer_id = hourly_reads.stripe_customer_id
            and changed.day = hourly_reads.day
    where hourly_reads.read_at < changed.changed_at
),

days as (
    select distinct
        tenant_id,
        event_name,
        stripe_customer_id,
        day
    from outdated
),

reading as (
    select
        count(*) as reads,
        min(day) as first_day,
        max(day) as last_day
    from days
)

select
    outdated.tenant_id,
    outdated.event_name,
    outdated.hour,
    reading.reads,
    reading.first_day,
    reading.last_day,
    count(*) over () as hours
from outdated
cross join reading
order by outdated.hour, outdated.tenant_id, outdated.event_name
limit %(shown)s;

-- name: unread_of_month
-- Days of customers, mapped or stated usage, that Stripe was never read for after they were over, nor after what was
-- last decided about their statements. Those of which something was stated come first.
with unread as (
    select
        tenant_id,
        event_name,
        day,
        is_stated
    from
        fridge.unread_days(
            (%(month_start)s at time zone 'UTC')::date,
            (%(month_end)s at time zone 'UTC')::date - 1,
            (select array_agg(event_name) from fridge.meters)
        )
    where not hours_are_outdated
)

select
    tenant_id,
    event_name,
    day,
    count(*) filter (where is_stated) over () as stated_days,
    count(*) over () as customer_days
from unread
order by is_stated desc, day asc, tenant_id asc, event_name asc
limit %(shown)s;

-- name: waiting_in_month
select count(*)
from fridge.open_exceptions
where
    kind = 'month_closed'
    and hour >= %(month_start)s
    and hour < %(month_end)s;

-- name: unexplained_invoices_of_month
-- Invoiced quantities of periods that reach into a month which nothing known explains, while their exception is open;
-- what is known and waits for a person is among the exceptions only.
select
    coalesce(invoice_comparisons.invoice_id, 'no invoice') as invoice_id,
    coalesce(invoice_comparisons.tenant_id, invoice_comparisons.stripe_customer_id) as tenant_id,
    invoice_comparisons.event_name,
    invoice_comparisons.difference,
    invoice_comparisons.cause,
    to_char(%(month_start)s::timestamptz at time zone 'UTC', 'YYYY-MM') as month,
    count(*) over () as number_of_them
from fridge.invoice_comparisons
inner join fridge.invoice_causes on invoice_comparisons.cause = invoice_causes.cause
where
    not invoice_causes.is_explained
    and exists (
        select 1 from fridge.exceptions
        inner join fridge.exception_kinds on exceptions.kind = exception_kinds.kind
        where
            exception_kinds.subject = 'period'
            and exceptions.closed_at is null
            and exceptions.tenant_id is not distinct from invoice_comparisons.tenant_id
            and exceptions.hour = date_trunc('hour', invoice_comparisons.period_start, 'UTC')
            and exceptions.subject in (
                invoice_comparisons.event_name,
                invoice_comparisons.event_name || ' ' || invoice_comparisons.stripe_customer_id
            )
    )
    and invoice_comparisons.period_end > %(month_start)s
    and invoice_comparisons.period_start < %(month_end)s
order by abs(invoice_comparisons.difference) desc, invoice_comparisons.invoice_id asc
limit %(shown)s;

-- name: explain_invoice
-- An invoice as it was read last, and since when Stripe has shown it so.
select
    invoice_id,
    "number",
    tenant_id,
    stripe_customer_id,
    status,
    billing_reason,
    currency,
    total,
    credited,
    created_at,
    finalized_at,
    finalizes_at,
    read_at
from fridge.invoices
where invoice_id = %(invoice_id)s;

-- name: explain_invoice_corrections
-- What was proposed for the invoice, and what has become of it.
select
    proposal_id,
    event_name,
    period_start,
    delta,
    amount,
    currency,
    document_kind,
    state,
    document,
    case when state = 'written' then amount_in_stripe end as amount_in_stripe,
    proposed_by,
    approved_by
from fridge.corrections
where invoice_id = %(invoice_id)s
order by proposal_id;

-- name: explain_invoice_lines
-- Its lines with a meter of ours, and what they come to; other lines are none of our business.
select
    invoice_lines.line_id,
    invoice_lines.event_name,
    invoice_lines.price_id,
    invoice_lines.stripe_subscription_id,
    invoice_lines.subscription_item_id,
    invoice_lines.period_start,
    invoice_lines.period_end,
    invoice_lines.quantity,
    invoice_lines.amount,
    invoice_lines.is_invoice_item
from fridge.invoice_lines
where
    invoice_lines.invoice_id = %(invoice_id)s
    and invoice_lines.event_name = any(%(event_names)s)
    and (%(line_id)s::text is null or invoice_lines.line_id = %(line_id)s)
order by invoice_lines.line_number;

-- name: explain_invoice_hours
-- The hours whose usage a line bills: usage, every statement of it, and the files that brought readings. An hour
-- belongs to the line by the timestamp of its meter event, half past. What was settled after the invoice was final is
-- on none.
with used as (
    select
        tenant_id,
        hour,
        quantity
    from fridge.usage
    where
        measure = %(measure)s
        and tenant_id = any(%(tenant_ids)s)
        and hour >= %(since)s::timestamptz - interval '30 minutes'
        and hour < %(until)s::timestamptz - interval '30 minutes'
),

stated as (
    select
        tenant_id,
        hour,
        jsonb_agg(
            jsonb_build_object(
                'identifier', identifier,
                'revision', revision,
                'value', value,
                'status', status,
                'settled_at', settled_at,
                'is_after_the_invoice', coalesce(settled_at > %(finalized_at)s, false)
            )
            order by revision
        ) as statements
    from fridge.meter_events
    where
        tenant_id = any(%(tenant_ids)s)
        and stripe_customer_id = %(customer_id)s
        and event_name = %(event_name)s
        and hour >= %(since)s::timestamptz - interval '30 minutes'
        and hour < %(until)s::timestamptz - interval '30 minutes'
    group by tenant_id, hour
),

hours as (
    select
        coalesce(used.tenant_id, stated.tenant_id) as tenant_id,
        coalesce(used.hour, stated.hour) as hour,
        used.quantity,
        stated.statements
    from used
    full join stated on used.tenant_id = stated.tenant_id and used.hour = stated.hour
)

select
    hours.tenant_id,
    hours.hour,
    hours.quantity,
    coalesce(hours.statements, '[]'::jsonb) as statements,
    coalesce(
        (
            select
                jsonb_agg(
                    jsonb_build_object(
                        'path', landing_files.path,
                        'inserted_count', landing_file_tenants.inserted_count,
                        'loaded_at', landing_files.loaded_at
                    )
                    order by landing_files.loaded_at, landing_files.path
                )
            from fridge.landing_files
            inner join fridge.landing_file_tenants on landing_files.file_id = landing_file_tenants.file_id
            where
                landing_files.landing_hour = hours.hour
                and landing_file_tenants.tenant_id = hours.tenant_id
                and landing_file_tenants.inserted_count > 0
        ),
        '[]'::jsonb
    ) as files
from hours
order by hours.hour, hours.tenant_id;

-- name: explain_invoice_tenants
-- Whose usage an invoice's customer was stated, and who has the customer now.
select tenant_id from fridge.tenants
where stripe_customer_id = %(customer_id)s
union
select tenant_id from fridge.invoice_comparisons
where stripe_customer_id = %(customer_id)s and tenant_id is not null
order by tenant_id;
