select
    name,
    sha256,
    materialized
from fridge.sql_models;
