set lock_timeout = '10min';
