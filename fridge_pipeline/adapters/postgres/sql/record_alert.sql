insert into fridge.alerts (alert_key, channel, title, first_sent_at, last_sent_at, newest_at)
values (%(alert_key)s, %(channel)s, %(title)s, %(now)s, %(now)s, %(newest_at)s)
on conflict (alert_key, channel) where resolved_at is null
do update
    set title = excluded.title, last_sent_at = excluded.last_sent_at, newest_at = excluded.newest_at;
