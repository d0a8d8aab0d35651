insert into fridge.sql_models (name, sha256, materialized, column_sources, built_at)
values (%(name)s, %(sha256)s, %(materialized)s, %(column_sources)s, %(now)s)
on conflict (name) do update
    set
        sha256 = excluded.sha256,
        materialized = excluded.materialized,
        column_sources = excluded.column_sources,
        built_at = excluded.built_at;
