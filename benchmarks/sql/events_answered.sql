select count(*) from fridge.meter_events
where status = 'accepted' and first_sent_at >= %(landed_at)s;
