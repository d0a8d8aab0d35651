-- materialized: view
with all_statements as not materialized (
    select * from fridge.stg_statements
),

-- Most hours are stated once: only the statements of the others are put in order.
restated as (
    select distinct
        meter,
        tenant_id,
        hour
    from all_statements
    where revision > 1
),

statements as (
    select all_statements.*
    from all_statements
    inner join restated
        on
            all_statements.meter = restated.meter
            and all_statements.tenant_id = restated.tenant_id
            and all_statements.hour = restated.hour
),

landing_files as not materialized (
    select * from fridge.stg_landing_files
),

file_tallies as not materialized (
    select * from fridge.stg_file_tallies
),

revisions as (
    select
        *,
        lag(staged_at) over revision_order as staged_before,
        lag(status) over revision_order as status_before,
        lag(stripe_customer_id) over revision_order as customer_before,
        -- On a meter that adds up each statement is a difference, so what was stated is their sum.
        case
            when is_difference
                then coalesce(sum(quantity) filter (where is_counted_by_stripe) over earlier_revisions, 0)
            else lag(quantity) over revision_order
        end as quantity_before,
        case
            when is_difference
                then quantity + coalesce(sum(quantity) filter (where is_counted_by_stripe) over earlier_revisions, 0)
            else quantity
        end as quantity_after
    from statements
    window
        revision_order as (partition by meter, tenant_id, hour order by revision),
        earlier_revisions as (
            partition by meter, tenant_id, hour
            order by revision
            rows between unbounded preceding and 1 preceding
        )
),

final as (
    select
        revisions.tenant_id,
        revisions.meter,
        revisions.hour,
        revisions.revision,
        revisions.identifier,
        revisions.quantity_before,
        revisions.quantity_after,
        revisions.quantity_after - revisions.quantity_before as change,
        case
            when withdrawn.paths is not null or late_files.paths is not null
                then concat_ws(
                    '; ',
                    'withdrawn: ' || withdrawn.paths || ' (' || withdrawn.reasons || ')',
                    'late file: ' || late_files.paths
                )
            when revisions.customer_before <> revisions.stripe_customer_id
                then 'customer changed from ' || revisions.customer_before || ' to ' || revisions.stripe_customer_id
            when
                revisions.status_before in ('refused', 'missing')
                or revisions.quantity_after = revisions.quantity_before
                then 'stated again: the revision before was ' || revisions.status_before
            else 'usage changed without a new or withdrawn landing file'
        end as reason,
        coalesce(
            nullif(concat_ws(', ', withdrawn.people, case when late_files.paths is not null then 'gateway' end), ''),
            'pipeline'
        ) as caused_by,
        revisions.staged_at as restated_at,
        revisions.run_id,
        revisions.status
    from revisions
    left join lateral (
        select
            string_agg(landing_files.path, ', ' order by landing_files.path) as paths,
            string_agg(distinct landing_files.withdrawn_by, ', ') as people,
            string_agg(distinct landing_files.withdrawal_reason, '; ') as reasons
        from landing_files
        where
            landing_files.hour = revisions.hour
            and landing_files.withdrawn_at > revisions.staged_before
            and landing_files.withdrawn_at <= revisions.staged_at
            -- Whose rows it had is not on record for files of the first versions: then it may have been anybody's.
            and (
                not exists (
                    select 1 from file_tallies
                    where file_tallies.file_id = landing_files.file_id
                )
                or exists (
                    select 1 from file_tallies
                    where
                        file_tallies.file_id = landing_files.file_id
                        and file_tallies.tenant_id = revisions.tenant_id
                        and file_tallies.inserted_count > 0
                )
            )
    ) as withdrawn on true
    left join lateral (
        select string_agg(landing_files.path, ', ' order by landing_files.path) as paths
        from landing_files
        inner join file_tallies on landing_files.file_id = file_tallies.file_id
        where
            landing_files.hour = revisions.hour
            and file_tallies.tenant_id = revisions.tenant_id
            and file_tallies.inserted_count > 0
            and landing_files.loaded_at > revisions.staged_before
            and landing_files.loaded_at <= revisions.staged_at
    ) as late_files on true
    where revisions.revision > 1
)

select * from final
