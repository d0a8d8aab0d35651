-- Parameters that not every role may set, or not every server knows, where a session did not get what we need.
select
    wanted.parameter,
    current_setting(wanted.parameter, true) as setting
from
    (
        values
        ('session_replication_role', 'origin'), -- otherwise no trigger keeps the books
        ('transaction_timeout', '0'),
        ('restrict_nonsystem_relation_kind', '')
    ) as wanted (parameter, value)
where current_setting(wanted.parameter, true) <> wanted.value
order by wanted.parameter;
