select
    landing_files.file_id,
    landing_files.path,
    landing_files.landing_hour,
    rejected_readings.reason,
    count(*) as rows_rejected
from fridge.rejected_readings
inner join fridge.landing_files on rejected_readings.file_id = landing_files.file_id
where landing_files.landing_hour >= %(start)s and landing_files.landing_hour < %(end)s
group by landing_files.file_id, landing_files.path, landing_files.landing_hour, rejected_readings.reason
order by landing_files.file_id, rejected_readings.reason;
