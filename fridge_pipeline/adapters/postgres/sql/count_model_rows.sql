select count(*) from fridge.{name};
