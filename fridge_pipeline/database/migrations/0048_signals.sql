-- The signals for Prometheus look at what was done lately, however old the books are.

-- How Stripe has been answering lately; attempts are written about in the order in which they were made.
create index meter_event_attempts_sent on fridge.meter_event_attempts using brin (sent_at);

-- What was loaded lately, in about the order in which it was.
create index landing_files_loaded on fridge.landing_files using brin (loaded_at);
