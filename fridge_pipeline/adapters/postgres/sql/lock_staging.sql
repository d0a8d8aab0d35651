-- One staging at a time: revisions are numbered from what the ledger holds.
select pg_advisory_xact_lock(hashtextextended('fridge.staging', 0));
