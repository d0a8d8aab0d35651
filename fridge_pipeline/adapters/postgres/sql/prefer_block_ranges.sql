-- For this connection: a fresh partition has no statistics yet, and the planner would read all of it.
select set_config('enable_seqscan', 'off', false);
