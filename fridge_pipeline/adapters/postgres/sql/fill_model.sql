insert into fridge.{name}
{select};
