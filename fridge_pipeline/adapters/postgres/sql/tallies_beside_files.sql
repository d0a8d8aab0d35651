-- Files of some hours whose rows are not inserted, duplicate or rejected, or not the sum of their tenants' rows.
select
    landing_files.path,
    landing_files.row_count,
    landing_files.inserted_count + landing_files.duplicate_count + landing_files.rejected_count as told_apart,
    sum(tallies.row_count)::bigint as rows_of_tenants
from fridge.landing_files
left join fridge.landing_file_tenants as tallies on landing_files.file_id = tallies.file_id
where landing_files.landing_hour between %(first)s and %(last)s
group by landing_files.file_id
having
    landing_files.row_count
    <> landing_files.inserted_count + landing_files.duplicate_count + landing_files.rejected_count
    or landing_files.row_count <> sum(tallies.row_count)
    or landing_files.inserted_count <> sum(tallies.inserted_count)
    or landing_files.duplicate_count <> sum(tallies.duplicate_count)
    or landing_files.rejected_count <> sum(tallies.rejected_count)
order by landing_files.path;
