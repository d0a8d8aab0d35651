select setval('fridge.landing_file_ids', %(last)s);
