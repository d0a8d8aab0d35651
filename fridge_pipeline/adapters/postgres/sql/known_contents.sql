-- The unique constraint landing_files_content is the judge; this only spares the work.
select
    landing_files.path,
    landing_files.content_hash
from json_to_recordset($1::json) as contents (path text, content_hash text)
inner join fridge.landing_files
    on contents.path = landing_files.path and contents.content_hash = landing_files.content_hash;
