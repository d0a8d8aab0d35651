with per_file as (
    select
        file_id,
        sum(row_count) as row_count,
        sum(inserted_count) as inserted_count,
        sum(duplicate_count) as duplicate_count,
        sum(rejected_count) as rejected_count
    from fridge.stg_file_tallies
    group by file_id
)

select
    landing_files.file_id,
    landing_files.path,
    landing_files.row_count,
    landing_files.inserted_count + landing_files.duplicate_count + landing_files.rejected_count as told_apart,
    per_file.row_count as rows_of_tenants
from fridge.stg_landing_files as landing_files
left join per_file on landing_files.file_id = per_file.file_id
where
    landing_files.row_count
    <> landing_files.inserted_count + landing_files.duplicate_count + landing_files.rejected_count
    or (per_file.row_count, per_file.inserted_count, per_file.duplicate_count, per_file.rejected_count)
    <> (
        landing_files.row_count, landing_files.inserted_count, landing_files.duplicate_count,
        landing_files.rejected_count
    )
