-- Usage before the billing start is owed on no invoice of ours, as what people have settled is not.

comment on column fridge.invoice_comparisons.settled_quantity is
'What of the usage no invoice is to carry: settled hour by hour, below 0 credited; or before the billing start.';
