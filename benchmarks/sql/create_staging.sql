create temporary table staged_readings (like public.readings);
