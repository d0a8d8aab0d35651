#!/bin/sh
# The logins of the services, made in a new server; run again, it brings passwords, rights and limits back. The official image runs it from /docker-entrypoint-initdb.d as
# the superuser, who owns the books; by hand: POSTGRES_USER=… POSTGRES_DB=fridge SECRETS=/folder sh logins.sh, with PGHOST
# and so on set. Passwords come from the DSNs in SECRETS, so that each stands in one file only.
set -eu

: "${SECRETS:=/run/secrets}"
database="${POSTGRES_DB:?}"

# The password of a DSN; hexadecimal ones, as create_secrets.sh makes them, mean themselves.
password_in() {
    password=$(sed -n 's|^postgresql://[^:@/]*:\([0-9A-Za-z_-]*\)@.*$|\1|p' "$SECRETS/$1")
    if [ -z "$password" ]; then
        echo "logins.sh: $SECRETS/$1 is no postgresql:// address with a user and a password of letters and digits" >&2
        exit 1
    fi
    printf '%s' "$password"
}

# Assigned first: a failure inside a command's arguments would not stop us.
app_password=$(password_in database_url)
finance_password=$(password_in finance_database_url)
metrics_password=$(password_in metrics_database_url)

# What PostgreSQL lets everybody call in a database, and a reader must not: locks that hold up who works, objects that
# pg_dump stumbles over, writing to the server's log of changes. The database's owner and the pipeline go on calling it.
bound_readers=$(cat <<'SQL'
do $$
declare
    called regprocedure;
begin
    for called in
        select oid from pg_proc
        where pronamespace = 'pg_catalog'::regnamespace
            and (
                proname ~ '^pg_(try_)?advisory_(xact_)?lock(_shared)?$'
                or proname in ('lo_creat', 'lo_create', 'lo_from_bytea', 'pg_logical_emit_message')
            )
    loop
        execute format(
            'grant execute on function %s to fridge_pipeline, %s',
            called, (select datdba::regrole from pg_database where datname = current_database())
        );
        execute format('revoke execute on function %s from public', called);
    end loop;
end;
$$;
SQL
)

# By standard input, because arguments can be read by everybody on the machine.
psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:?}" --dbname "$database" <<SQL
\set app_password '$app_password'
\set finance_password '$finance_password'
\set metrics_password '$metrics_password'
\set dagster '${database}_dagster'

-- What the pipeline, finance and the metrics may do; \`fridge migrate\` grants it.
select 'create role fridge_pipeline nologin' where to_regrole('fridge_pipeline') is null \gexec
select 'create role fridge_finance nologin' where to_regrole('fridge_finance') is null \gexec
select 'create role fridge_metrics' where to_regrole('fridge_metrics') is null \gexec
-- What people may who sign and decide, each with a login of their own; \`fridge people add\` makes those.
select 'create role ' || name || ' nologin'
from unnest(array['fridge_preparer', 'fridge_approver', 'fridge_operator']) as name where to_regrole(name) is null \gexec

-- Run again, it finds most of this done.
set client_min_messages = warning;
-- A statement that fails is written to the server's log, and these hold passwords.
set log_min_error_statement = panic;

-- Code, webserver and daemon: the pipeline's rights in the books, and Dagster's own database.
select 'create role fridge_app login' where to_regrole('fridge_app') is null \gexec
alter role fridge_app login password :'app_password';
grant fridge_pipeline to fridge_app;
select format('create database %I owner fridge_app', :'dagster')
where not exists (select 1 from pg_database where datname = :'dagster') \gexec
revoke all on database :"dagster" from public;

-- The read-only webserver: finance's rights in the books, and reading what Dagster keeps.
select 'create role fridge_finance_app login' where to_regrole('fridge_finance_app') is null \gexec
alter role fridge_finance_app login password :'finance_password';
grant fridge_finance to fridge_finance_app;
-- Its sessions may set other limits, but for temp_file_limit and the number of connections.
alter role fridge_finance_app connection limit 20;
alter role fridge_finance_app set default_transaction_read_only = 'on';
alter role fridge_finance_app set statement_timeout = '5min';
alter role fridge_finance_app set idle_in_transaction_session_timeout = '5min';
alter role fridge_finance_app set temp_file_limit = '4GB';
alter role fridge_finance_app set timezone = 'UTC';

-- The metrics: what they show, and nothing else. A scrape takes eight seconds at most.
alter role fridge_metrics login password :'metrics_password' connection limit 5;
alter role fridge_metrics set default_transaction_read_only = 'on';
alter role fridge_metrics set statement_timeout = '10s';
alter role fridge_metrics set idle_in_transaction_session_timeout = '10s';
alter role fridge_metrics set temp_file_limit = '4GB';
alter role fridge_metrics set timezone = 'UTC';

grant temporary on database :"DBNAME" to fridge_pipeline;
revoke create, temporary on database :"DBNAME" from public;
$bound_readers
grant connect on database :"dagster" to fridge_finance_app, fridge_metrics;

\connect :dagster
$bound_readers
alter default privileges for role fridge_app grant select on tables to fridge_finance_app;
SQL
