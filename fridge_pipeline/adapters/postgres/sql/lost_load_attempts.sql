select
    load_attempts.path,
    load_attempts.attempts
from fridge.load_attempts
inner join unnest(%(paths)s::text[], %(versions)s::text[]) as files (path, version_token)
    on load_attempts.path = files.path and load_attempts.version_token = files.version_token;
