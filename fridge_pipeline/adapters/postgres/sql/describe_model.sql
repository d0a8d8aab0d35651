comment on view fridge.{name} is {description};
