-- The hours are a condition from outside: the model itself can be opened as it is.
insert into fridge.{name}
select model.*
from ({select}) as model
where model.hour between %(first)s and %(last)s;
