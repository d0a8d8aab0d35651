-- Which folder this listing was of, the next look at the landing zone finds out.
insert into fridge.landing_hours (landing_hour, listing_fingerprint, loaded_at)
values (%(hour)s, %(fingerprint)s, %(now)s)
on conflict (landing_hour) do update
    set listing_fingerprint = excluded.listing_fingerprint, loaded_at = excluded.loaded_at, folder_version = null;
