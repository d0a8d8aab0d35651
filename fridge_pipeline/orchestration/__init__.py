"""What Dagster needs around the features' assets: grids, jobs, sensors, schedules, the instance and the webserver."""
