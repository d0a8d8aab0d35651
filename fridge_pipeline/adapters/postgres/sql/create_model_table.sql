create table fridge.{name} as {select} with no data;
