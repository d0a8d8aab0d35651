drop table if exists fridge.{name} cascade;
