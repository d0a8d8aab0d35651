insert into fridge.sql_models (name, sha256, built_at)
values (%(name)s, %(sha256)s, %(now)s)
on conflict (name) do update
    set sha256 = excluded.sha256, built_at = excluded.built_at;
