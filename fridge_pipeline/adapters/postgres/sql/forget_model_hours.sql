delete from fridge.model_hours
where model = %(name)s;
