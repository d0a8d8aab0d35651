-- An import is judged by the tenants that there are; another one waits. Locking the table takes more rights than that.
select pg_advisory_xact_lock(hashtextextended('fridge.tenants', 0));
