-- Two processes may get here at once: the lock lets the second one find everything made.
select pg_advisory_xact_lock(hashtextextended('fridge.migrations', 0));

create schema if not exists fridge;

create table if not exists fridge.schema_migrations (
    number integer primary key,
    title text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
);
