delete from fridge.{name};
