select
    landing_hour,
    listing_fingerprint
from fridge.landing_hours
where landing_hour between %(first)s and %(last)s;
