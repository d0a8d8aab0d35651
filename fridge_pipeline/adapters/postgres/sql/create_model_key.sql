create unique index {index} on fridge.{name} ({key_columns}) nulls not distinct;
