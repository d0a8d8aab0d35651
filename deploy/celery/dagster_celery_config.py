"""What every worker's Celery is told; dagster_celery finds this module by its name on PYTHONPATH.

Broker and result backend come from CELERY_BROKER_URL and CELERY_RESULT_BACKEND, which Celery reads by itself.
"""

# A worker takes a run when it can begin it. Otherwise a busy one would take a second run and keep it from an idle one.
task_acks_late = True
worker_prefetch_multiplier = 1

# A dead worker's run is repeated by Dagster, as a new run. Redis hands its message out once more too, which Dagster
# ignores for a run that has ended: so not before max_runtime_seconds have passed (6 hours; this is 7).
broker_transport_options = {"visibility_timeout": 25_200}
task_reject_on_worker_lost = False

# `active` and the record of a run say which worker it was.
result_extended = True
result_expires = 86_400

# A worker's memory holds what the largest run needed; after so many runs its process is made anew.
worker_max_tasks_per_child = 200
worker_send_task_events = False
