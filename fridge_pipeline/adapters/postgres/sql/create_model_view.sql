create view fridge.{name} as {select};
