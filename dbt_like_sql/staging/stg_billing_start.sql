-- materialized: view
-- One row: hours before it are counted and never stated.
select bill_from
from fridge.billing_start
