select * from ({select}) as selected
limit 0;
