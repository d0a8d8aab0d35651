update fridge.exceptions
set closed_at = $2
where
    kind = 'unreadable_file'
    and closed_at is null
    and subject in (select paths.path from json_array_elements_text($1::json) as paths (path));
