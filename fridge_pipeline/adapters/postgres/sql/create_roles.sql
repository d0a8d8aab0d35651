-- Roles belong to the whole server, so another database of it may have made them already, even just now.
do $$
begin
    if to_regrole('fridge_pipeline') is null then
        create role fridge_pipeline nologin;
    end if;
    if to_regrole('fridge_finance') is null then
        create role fridge_finance nologin;
    end if;
    if not pg_has_role(current_user, 'fridge_pipeline', 'set') then
        execute format('grant fridge_pipeline to %I', current_user);
    end if;
exception
    when duplicate_object or unique_violation then null;
end;
$$;
