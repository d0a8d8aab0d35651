select
    number,
    title,
    sha256
from fridge.schema_migrations
order by number;
