-- The roles and databases of a new data directory. Run once, in single-user mode, which reads one statement
-- from each line, hashes the passwords and is told to show no statement that fails.
alter role postgres password '$postgres_password'
create role fridge login nosuperuser createdb nocreaterole noreplication password '$fridge_password'
create database fridge owner fridge
create database fridge_dagster owner fridge
