-- materialized: view
with landing_files as (
    select * from fridge.stg_landing_files
),

rejections as (
    select * from fridge.stg_rejections
),

final as (
    select
        landing_files.hour,
        landing_files.file_id,
        landing_files.path,
        rejections.reason,
        rejections.rejected_rows,
        landing_files.loaded_at
    from rejections
    inner join landing_files on rejections.file_id = landing_files.file_id
)

select * from final
