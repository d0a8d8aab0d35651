select
    name,
    sha256
from fridge.sql_models;
