insert into fridge.schema_migrations (number, title, sha256)
values (%(number)s, %(title)s, %(sha256)s);
