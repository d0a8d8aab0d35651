comment on {kind} fridge.{name} is {description};
