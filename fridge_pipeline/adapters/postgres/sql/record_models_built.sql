insert into fridge.sql_models_built (files_sha256, built_at)
values (%(files_sha256)s, %(now)s)
on conflict (is_the_only_row) do update
    set
        files_sha256 = excluded.files_sha256,
        built_at = excluded.built_at,
        -- What is made again on purpose, by going back to earlier code, is no longer superseded.
        superseded = array_append(
            array_remove(sql_models_built.superseded, excluded.files_sha256), sql_models_built.files_sha256
        );
