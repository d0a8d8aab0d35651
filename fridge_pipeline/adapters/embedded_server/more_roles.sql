-- Run at every start, as the superuser. The pipeline's role is no login: the owner of the schema becomes it.
do $$
begin
    if to_regrole('fridge_pipeline') is null then
        create role fridge_pipeline nologin;
    end if;
    if not pg_has_role('fridge', 'fridge_pipeline', 'set') then
        grant fridge_pipeline to fridge;
    end if;
    if to_regrole('fridge_finance') is null then
        create role fridge_finance login noinherit password {finance_verifier};
    end if;
end;
$$;
