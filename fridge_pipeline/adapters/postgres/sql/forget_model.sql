delete from fridge.sql_models
where name = %(name)s;
