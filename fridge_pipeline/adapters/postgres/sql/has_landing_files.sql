select exists(select 1 from fridge.landing_files) as has_files;
