select %(files_sha256)s = any(superseded) as are_superseded from fridge.sql_models_built;
