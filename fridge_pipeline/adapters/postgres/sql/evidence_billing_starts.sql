-- All of them: which of the month's hours were stated is decided by the newest, whenever it was set.
select * from fridge.billing_starts
order by billing_start_id;
