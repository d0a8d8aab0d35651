delete from fridge.load_attempts
where path = any(%(paths)s);
