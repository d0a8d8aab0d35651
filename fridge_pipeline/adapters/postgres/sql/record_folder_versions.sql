-- An hour that was loaded anew since it was looked at keeps what that load recorded.
update fridge.landing_hours
set folder_version = seen.folder_version
from
    unnest(%(hours)s::timestamptz[], %(fingerprints)s::text[], %(folder_versions)s::text[])
        as seen (landing_hour, listing_fingerprint, folder_version)
where
    landing_hours.landing_hour = seen.landing_hour
    and landing_hours.listing_fingerprint = seen.listing_fingerprint;
