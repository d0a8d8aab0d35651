-- Whether whoever signed in may take a role's place.
select coalesce(pg_has_role(session_user, to_regrole(%(role)s), 'set'), false) as acts_as;
