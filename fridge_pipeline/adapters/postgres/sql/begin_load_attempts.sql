insert into fridge.load_attempts (path, version_token, attempts, started_at)
select
    files.path,
    files.version_token,
    1 as attempts,
    %(now)s as started_at
from unnest(%(paths)s::text[], %(versions)s::text[]) as files (path, version_token)
on conflict (path) do update
    set
        attempts
        = case when load_attempts.version_token = excluded.version_token then load_attempts.attempts else 0 end + 1,
        version_token = excluded.version_token,
        started_at = excluded.started_at;
