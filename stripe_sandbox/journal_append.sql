insert into journal (kind, body) values (?, ?);
