-- Contracts: no code calls it; the guard of signatures did, which looks at logins now.
drop function fridge.plain_name(text);
