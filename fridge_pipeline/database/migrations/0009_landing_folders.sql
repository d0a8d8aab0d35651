-- What a landing hour's folder was when its listing was the loaded one: a tick of the landing sensor need not list it
-- while it stays that.
alter table fridge.landing_hours add column folder_version text;

comment on column fridge.landing_hours.folder_version is
'The folder whose listing this is known to be; empty until the folder has been seen unchanged after its load.';
