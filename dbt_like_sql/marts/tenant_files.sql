-- materialized: view
with landing_files as (
    select * from fridge.stg_landing_files
),

file_tallies as (
    select * from fridge.stg_file_tallies
),

final as (
    select
        file_tallies.tenant_id,
        landing_files.hour,
        landing_files.file_id,
        landing_files.path,
        landing_files.status,
        file_tallies.row_count,
        file_tallies.inserted_count,
        file_tallies.duplicate_count,
        file_tallies.rejected_count,
        landing_files.is_withdrawn,
        landing_files.withdrawn_at,
        landing_files.withdrawn_by,
        landing_files.withdrawal_reason,
        landing_files.content_hash,
        landing_files.run_id,
        landing_files.loaded_at
    from file_tallies
    inner join landing_files on file_tallies.file_id = landing_files.file_id
)

select * from final
