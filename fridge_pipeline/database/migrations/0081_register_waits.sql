-- An entry, also one by hand, waits for what is being loaded by the register as it stands: what judges it sees that. In
-- the owner's name, because whoever registers takes no locks.
create function fridge.wait_for_register() returns trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('fridge.sensor_register', 0));
    return null;
end;
$$;
revoke execute on function fridge.wait_for_register() from public;

create trigger sensor_register_wait before insert on fridge.sensor_register
for each statement execute function fridge.wait_for_register();
