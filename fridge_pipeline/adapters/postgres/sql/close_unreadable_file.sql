update fridge.exceptions
set closed_at = $3
where
    kind = 'unreadable_file' and hour = $1 and subject = $2
    and closed_at is null;
