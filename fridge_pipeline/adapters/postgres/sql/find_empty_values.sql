select * from fridge.{model}
where {is_empty}
