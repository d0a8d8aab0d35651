update fridge.exceptions
set closed_at = %(now)s
where
    kind = 'future_hour'
    and closed_at is null
    and (
        hour <> all(%(present)s::timestamptz[])
        or (
            hour <= %(now)s
            and exists (
                select 1 from fridge.landing_hours
                where landing_hours.landing_hour = exceptions.hour
            )
        )
    );
