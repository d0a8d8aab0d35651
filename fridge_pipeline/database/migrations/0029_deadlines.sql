-- What waits in a closed month may turn from usage into a credit, and back: usage can be stated for 35 days, a credit
-- has no last day. So an open exception's deadline is brought up to date with its detail.
create or replace function fridge.guard_exception() returns trigger
language plpgsql as $$
begin
    if old.closed_at is not null then
        raise exception 'exception % was closed at %: it stays as it was then', old.exception_id, old.closed_at
            using errcode = 'restrict_violation', hint = 'What goes on is a new exception.';
    end if;
    if (old.exception_id, old.kind, old.tenant_id, old.hour, old.subject, old.opened_at)
        is distinct from
        (new.exception_id, new.kind, new.tenant_id, new.hour, new.subject, new.opened_at)
    then
        raise exception 'exception % is about what it was opened for: only its detail, figure, deadline and end change',
            old.exception_id
            using errcode = 'restrict_violation', hint = 'Close it, and open another one.';
    end if;
    return new;
end;
$$;

update fridge.pipeline_rights
set updates = '{detail, owed, deadline_at, closed_at}'
where relation = 'exceptions';
