-- The unique constraint landing_files_content is the judge; this only spares the work.
select exists(
    select 1 from fridge.landing_files
    where path = $1 and content_hash = $2
);
