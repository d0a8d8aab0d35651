-- Nothing goes: a cause that this version no longer knows stands in rows of the past.
insert into fridge.causes (cause, "position", step, is_explained, words, meaning)
values (%(cause)s, %(position)s, %(step)s, %(is_explained)s, %(words)s, %(meaning)s)
on conflict (cause) do update
    set
        "position" = excluded."position",
        step = excluded.step,
        is_explained = excluded.is_explained,
        words = excluded.words,
        meaning = excluded.meaning;
