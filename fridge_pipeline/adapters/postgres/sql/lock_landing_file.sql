-- Serializes the loads of one landing file: the second run then finds the first one's row and counts nothing.
select pg_advisory_xact_lock(hashtextextended($1, 0))::text;
