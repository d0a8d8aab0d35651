-- Run at every start, as the superuser. The pipeline's role is no login: whoever signs in for daily work becomes it.
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
        create role fridge_finance login noinherit password {finance_password};
    end if;
end;
$$;
