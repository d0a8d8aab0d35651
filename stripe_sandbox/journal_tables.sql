-- How many tables and indexes the file holds already: none in a file that is new.
select count(*)
from sqlite_schema;
