select * from ({select}) as selected
where false;
