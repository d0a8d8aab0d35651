-- Held by a count from before it reads until its usage is written: no file is withdrawn in between. A session lock,
-- because reading and writing are not one transaction; it ends with the connection.
select pg_advisory_lock_shared(hashtextextended('fridge.counting', 0));
