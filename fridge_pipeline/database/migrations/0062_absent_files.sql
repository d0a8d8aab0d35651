-- A file that is to be read again, and was removed from its folder before that, kept its hour pending for ever.
alter table fridge.landing_hours add column absent_file_ids integer[] not null default '{}';

comment on column fridge.landing_hours.absent_file_ids is
'Files to be read again that did not lie there any more: the hour does not wait for them.';

update fridge.pipeline_rights
set updates = '{listing_fingerprint, loaded_at, folder_version, absent_file_ids}'
where relation = 'landing_hours';
