select * from fridge.billing_ledger
where hour >= %(start)s and hour < %(end)s
order by tenant_id, meter, hour, revision;
