update fridge.exceptions
set closed_at = %(now)s
where kind = 'unexpected_hour' and closed_at is null and hour <> all(%(unexpected)s::timestamptz[]);
