select
    name,
    column_sources
from fridge.sql_models;
