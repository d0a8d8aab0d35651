drop view if exists fridge.{name} cascade;
