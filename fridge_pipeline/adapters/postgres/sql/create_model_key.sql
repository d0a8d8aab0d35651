create unique index {index} on fridge.{name} ({columns});
