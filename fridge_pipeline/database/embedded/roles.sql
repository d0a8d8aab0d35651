-- The roles and databases of a new data directory. Run once, in single-user mode, which reads one statement
-- from each line. The passwords come in as SCRAM verifiers: the server never sees, and cannot log, a password.
alter role postgres password '$postgres_verifier'
create role fridge login nosuperuser createdb nocreaterole noreplication password '$fridge_verifier'
create database fridge owner fridge
create database fridge_dagster owner fridge
