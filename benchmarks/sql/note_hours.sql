-- Nothing was noted without triggers: nothing is kept of any hour yet.
insert into fridge.changed_hours (hour)
select known.hour from fridge.known_hours() as known (hour);
