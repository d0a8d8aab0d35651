-- Whether whoever signed in owns the schema, and so may change what the pipeline's role may not.
select coalesce(bool_or(pg_has_role(session_user, pg_namespace.nspowner, 'member')), false) as owns_schema
from pg_namespace
where pg_namespace.nspname = 'fridge';
