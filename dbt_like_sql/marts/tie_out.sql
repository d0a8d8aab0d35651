-- materialized: view
-- No CTE: of all that is in one PostgreSQL makes a copy before it plans, and it looks through all else for it.
select
    judged.tenant_id,
    judged.meter,
    judged.hour,
    judged.file_rows,
    judged.inserted,
    judged.duplicates,
    judged.rejected,
    judged.derived as derived_quantity,
    judged.usage as usage_quantity,
    judged.stated as stated_quantity,
    judged.invoiced_by_hand as invoiced_by_hand_quantity,
    judged.credited as credited_quantity,
    nullif(judged.written_off, 0) as written_off_quantity,
    judged.revision as stated_revision,
    judged.stripe as stripe_quantity,
    judged.stripe_read_at,
    judged.difference_in_files,
    judged.difference_in_usage,
    judged.difference_in_ledger,
    judged.difference_in_stripe,
    judged.cause_in_files,
    judged.cause_in_usage,
    judged.cause_in_ledger,
    judged.cause_in_stripe,
    judged.causes[1] as cause,
    coalesce(
        nullif(judged.difference_in_files, 0),
        nullif(judged.difference_in_usage, 0),
        nullif(judged.difference_in_ledger, 0),
        nullif(judged.difference_in_stripe, 0)
    ) as amount,
    case
        when
            judged.causes <> '{}'
            and exists (
                select 1 from fridge.difference_causes
                where not difference_causes.is_explained and difference_causes.cause = any(judged.causes)
            )
            then 'unexplained'
        when judged.causes <> '{}' then 'explained'
        when judged.stripe is null then 'not_read'
        else 'tied'
    end as status
from ( -- noqa: ST05
    select
        *,
        array_remove(array[cause_in_files, cause_in_usage, cause_in_ledger, cause_in_stripe], null) as causes
    from ( -- noqa: ST05
        select
            *,
            case
                when difference_in_files < 0 then 'readings_missing'
                when difference_in_files > 0 then 'readings_added'
            end as cause_in_files,
            case
                when coalesce(difference_in_usage, 0) = 0 then null
                when not is_counted then 'not_counted_yet'
                when
                    not counts_readings
                    and max(abs(difference_in_files)) over (partition by hour, tenant_id) > 0 then 'sensors_changed'
                else 'usage_changed'
            end as cause_in_usage,
            case
                when difference_in_ledger = 0 then null
                when not is_billed then 'not_billed'
                -- What waits for a customer is lost once Stripe takes its hour no more, whether or not a sweep has said
                -- so.
                when exception_cause = 'unmapped' and hour + interval '35 days' <= now() then 'too_late'
                when exception_cause is not null then exception_cause
                when
                    difference_in_ledger = -coalesce(invoiced_by_hand, 0) - coalesce(credited, 0) - written_off
                    then
                        case
                            when written_off <> 0 then 'written_off'
                            when invoiced_by_hand <> 0 then 'invoiced_by_hand'
                            else 'credited'
                        end
                when under_way_since > now() - interval '1 hour' then 'in_flight'
                when under_way_since is not null then 'receipt_missing'
                when hour + interval '2 hours' > now() then 'not_due_yet'
                else 'not_stated'
            end as cause_in_ledger,
            case
                when coalesce(difference_in_stripe, 0) = 0 then null
                when difference_in_stripe = -credited_in_stripe then 'credited'
                when
                    stripe_cause in ('lagging', 'in_flight', 'refused', 'credit_due', 'not_billed', 'not_stated_by_us')
                    then stripe_cause
                when difference_in_stripe < 0 then 'missing_in_stripe'
                else 'excess_in_stripe'
            end as cause_in_stripe
        from ( -- noqa: ST05
            select
                *,
                case when counts_readings then derived - inserted_and_kept end as difference_in_files,
                -- Usage that was counted from what is stored is right about that; what is stored is compared with
                -- files.
                coalesce(usage, 0)
                - case
                    when not counts_readings or derived = coalesce(usage, 0) then derived
                    else coalesce(inserted_and_kept, derived)
                end as difference_in_usage,
                coalesce(stated, 0) - coalesce(usage, 0) as difference_in_ledger,
                stripe - coalesce(stated, 0) as difference_in_stripe
            from ( -- noqa: ST05
                select
                    with_hour.tenant_id,
                    with_hour.meter,
                    with_hour.hour,
                    meters.measure = 'inserted_count' as counts_readings,
                    billed_hours.meter is not null as is_billed,
                    with_hour.file_rows::bigint as file_rows,
                    with_hour.inserted::bigint as inserted,
                    with_hour.inserted - with_hour.withdrawn as inserted_and_kept,
                    with_hour.duplicates::bigint as duplicates,
                    with_hour.rejected::bigint as rejected,
                    with_hour.usage,
                    with_hour.stated,
                    with_hour.invoiced_by_hand,
                    with_hour.credited,
                    with_hour.credited_in_stripe,
                    -- Usage that has shrunk since makes what is written off less.
                    fridge.written_off_now(
                        with_hour.usage::bigint,
                        with_hour.stated::bigint,
                        (coalesce(with_hour.invoiced_by_hand, 0) + coalesce(with_hour.credited, 0))::bigint,
                        with_hour.written_off::bigint
                    )::numeric as written_off,
                    with_hour.revision,
                    with_hour.under_way_since,
                    with_hour.exception_cause,
                    with_hour.stripe_cause,
                    with_hour.hour_changed_at is null
                    or with_hour.hour_counted_at >= with_hour.hour_changed_at as is_counted,
                    -- What was derived before the last file came, or before the measure was declared, says nothing;
                    -- where something was, no rows are a count of zero. Of a former meter nothing is: whatever bills
                    -- its measure now is compared.
                    case
                        when
                            meters.meter is not null
                            and with_hour.hour_derived_at
                            > greatest(coalesce(with_hour.hour_changed_at, '-infinity'), meters.declared_at)
                            then coalesce(with_hour.derived, 0)
                    end as derived,
                    -- Stripe's own, and nothing of ours: of a day that was read by the hour, hours without a sum showed
                    -- nothing. What changed in the ledger since makes it old.
                    case
                        when stripe_days.hours_read_at < with_hour.ledger_changed_at then null
                        when stripe_days.hours_read_at is not null then coalesce(with_hour.stripe, 0)
                    end as stripe,
                    stripe_days.hours_read_at as stripe_read_at
                from ( -- noqa: ST05
                    select
                        tenant_id,
                        meter,
                        hour,
                        fridge.total(file_rows) as file_rows,
                        fridge.total(inserted) as inserted,
                        fridge.total(withdrawn) as withdrawn,
                        fridge.total(duplicates) as duplicates,
                        fridge.total(rejected) as rejected,
                        fridge.total(derived) as derived,
                        fridge.total(usage) as usage,
                        fridge.total(stated) as stated,
                        max(ledger_changed_at) as ledger_changed_at,
                        max(revision) as revision,
                        min(under_way_since) as under_way_since,
                        fridge.total(stripe) as stripe,
                        fridge.total(invoiced_by_hand) as invoiced_by_hand,
                        fridge.total(credited) as credited,
                        fridge.total(written_off) as written_off,
                        fridge.total(credited_in_stripe) as credited_in_stripe,
                        max(stripe_cause) as stripe_cause,
                        substr(min(exception_cause), 5) as exception_cause,
                        (hour at time zone 'UTC')::date as usage_date,
                        max(max(files_changed_at)) over the_hour as hour_changed_at,
                        max(min(counted_at)) over the_hour as hour_counted_at,
                        max(max(derived_at)) over the_hour as hour_derived_at
                    from fridge.hour_facts
                    group by hour, tenant_id, meter
                    window the_hour as (partition by hour)
                ) as with_hour
                left join fridge.stg_meters as meters on with_hour.meter = meters.meter and meters.formula is not null
                left join fridge.stg_billed_hours as billed_hours
                    on
                        with_hour.meter = billed_hours.meter
                        and with_hour.hour >= billed_hours.bill_from
                        and with_hour.hour < billed_hours.bill_until
                left join lateral (
                    select stg_stripe_days.hours_read_at
                    from fridge.stg_stripe_days
                    where
                        with_hour.tenant_id = stg_stripe_days.tenant_id
                        and with_hour.meter = stg_stripe_days.meter
                        and with_hour.usage_date = stg_stripe_days.usage_date
                    limit all offset 0 -- noqa: AM09
                ) as stripe_days on true
                where with_hour.tenant_id is not null
            ) as known
        ) as compared
    ) as explained
) as judged
