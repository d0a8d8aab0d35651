insert into fridge.exceptions (kind, hour, subject, detail, opened_at)
values ('unreadable_file', $1, $2, $3, $4)
on conflict do nothing;
