select * from fridge.landing_files
where landing_hour >= %(start)s and landing_hour < %(end)s
order by file_id;
