delete from fridge.{name}
where hour between %(first)s and %(last)s;
