-- Whether whoever signed in may take a role's place. Before version 16 every member may, and 'set' is not known.
select
    coalesce(
        pg_has_role(
            session_user,
            to_regrole(%(role)s),
            case when current_setting('server_version_num')::integer < 160000 then 'member' else 'set' end
        ),
        false
    ) as acts_as;
