-- Nothing goes: a kind that this version no longer knows stands in exceptions of the past.
insert into fridge.exception_kinds (kind, "position", means, what_to_do, subject, cause, waits)
values (%(kind)s, %(position)s, %(means)s, %(what_to_do)s, %(subject)s, %(cause)s, %(waits)s)
on conflict (kind) do update
    set
        "position" = excluded."position",
        means = excluded.means,
        what_to_do = excluded.what_to_do,
        subject = excluded.subject,
        cause = excluded.cause,
        waits = excluded.waits;
