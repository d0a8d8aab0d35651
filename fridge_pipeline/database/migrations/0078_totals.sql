-- Adds up the few values of a group that are there: the first stands for the sum until a second comes. PostgreSQL's own
-- sum begins with the first row, be it empty, and holds what it adds for ever so many.
create aggregate fridge.total (numeric)(
    sfunc = numeric_add, stype = numeric, combinefunc = numeric_add, parallel = safe
);
create aggregate fridge.total (bigint)(
    sfunc = int8pl, stype = bigint, combinefunc = int8pl, parallel = safe
);
