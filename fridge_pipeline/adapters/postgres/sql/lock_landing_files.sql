-- Serializes the loads of a landing file: the second run then finds the first one's row and counts nothing.
-- In the order of their paths, so that two runs with the same files wait for each other instead of deadlocking.
select pg_advisory_xact_lock(hashtextextended(ordered_paths.path, 0))::text
from (
    select paths.path
    from json_array_elements_text($1::json) as paths (path)
    order by paths.path
    offset 0
) as ordered_paths;
