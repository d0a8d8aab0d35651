select
    landing_hour,
    listing_fingerprint,
    folder_version
from fridge.landing_hours
where landing_hour between %(first)s and %(last)s;
