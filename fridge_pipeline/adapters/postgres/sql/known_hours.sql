-- A fingerprint begins with the number of files.
select landing_hour
from fridge.landing_hours
where
    landing_hour between %(since)s and %(until)s
    and loaded_at <= %(until)s
    and listing_fingerprint ~ '^[1-9]';
