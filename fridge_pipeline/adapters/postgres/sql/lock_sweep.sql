-- One sweep at a time; returns the catalogue that hours without a mark were found delivered with.
select
    event_names,
    measures
from fridge.swept_catalogue
for update;
