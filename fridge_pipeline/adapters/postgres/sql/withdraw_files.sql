-- A withdrawal is later than every count that did not see it, also when the clock that stamped the count is ahead of
-- ours: by this order the sweep finds the hour. Counts are kept out meanwhile, so there is no count it cannot see.
insert into fridge.withdrawals (file_id, reason, withdrawn_by, withdrawn_at)
select
    landing_files.file_id,
    %(reason)s,
    %(withdrawn_by)s,
    greatest(
        %(now)s,
        (
            select max(inserted_counts.computed_at) + interval '1 microsecond' from fridge.inserted_counts
            where inserted_counts.hour = landing_files.landing_hour
        ),
        (
            select max(active_sensors.computed_at) + interval '1 microsecond' from fridge.active_sensors
            where active_sensors.hour = landing_files.landing_hour
        )
    ) as withdrawn_at
from fridge.landing_files
where landing_files.file_id = any(%(file_ids)s)
returning withdrawn_at;
