-- The lock that every load of this landing file holds: a content that is being loaded now is then loaded.
select pg_advisory_xact_lock(hashtextextended(%(path)s, 0));
