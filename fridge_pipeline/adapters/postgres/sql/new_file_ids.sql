select nextval('fridge.landing_file_ids')::integer as file_id
from generate_series(1, $1::integer);
