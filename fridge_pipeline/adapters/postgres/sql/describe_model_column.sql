comment on column fridge.{name}.{column} is {description};
