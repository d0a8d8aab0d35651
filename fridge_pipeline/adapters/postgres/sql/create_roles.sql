-- Roles belong to the whole server, so another database of it may have made them already, even just now.
do $$
declare
    may_act_as text := case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end;
begin
    if to_regrole('fridge_pipeline') is null then
        create role fridge_pipeline nologin;
    end if;
    if to_regrole('fridge_finance') is null then
        create role fridge_finance nologin;
    end if;
    if not pg_has_role(current_user, 'fridge_pipeline', may_act_as) then
        execute format('grant fridge_pipeline to %I', current_user);
    end if;
exception
    when duplicate_object or unique_violation then null;
end;
$$;
