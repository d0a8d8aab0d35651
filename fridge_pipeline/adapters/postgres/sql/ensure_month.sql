select fridge.ensure_month($1)::text;
