select nextval('fridge.landing_file_ids')::integer;
