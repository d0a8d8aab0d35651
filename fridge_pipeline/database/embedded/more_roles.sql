-- Run at every start and by every fridge migrate, as the superuser. The pipeline's role is no login: whoever signs in
-- for daily work becomes it.
do $$
begin
    if to_regrole('fridge_pipeline') is null then
        create role fridge_pipeline nologin;
    end if;
    if not pg_has_role('fridge', 'fridge_pipeline', 'set') then
        grant fridge_pipeline to fridge;
    end if;
    if to_regrole('fridge_app') is null then
        create role fridge_app login password {application_password} in role fridge_pipeline;
    end if;
    if to_regrole('fridge_finance') is null then
        create role fridge_finance noinherit;
    end if;
    if to_regrole('fridge_metrics') is null then
        create role fridge_metrics noinherit connection limit 5;
    end if;
    if to_regrole('fridge_preparer') is null then
        create role fridge_preparer nologin;
        create role fridge_approver nologin;
        create role fridge_operator nologin;
    end if;
end;
$$;

-- Whoever signs in may change the password of its own role: PostgreSQL knows no right that forbids it.
alter role fridge_finance login password {finance_password};
alter role fridge_metrics login password {metrics_password};

-- A reader has no business outside the books.
revoke all on database postgres, template1 from public;
grant connect on database postgres to fridge;
