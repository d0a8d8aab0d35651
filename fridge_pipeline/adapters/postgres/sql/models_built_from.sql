select files_sha256 from fridge.sql_models_built;
