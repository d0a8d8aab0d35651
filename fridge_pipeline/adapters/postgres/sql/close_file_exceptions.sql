update fridge.exceptions
set closed_at = $3
where
    kind = $1
    and closed_at is null
    and subject in (select paths.path from json_array_elements_text($2::json) as paths (path));
