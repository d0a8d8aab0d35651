"""What Dagster's chart 1.13.27 and Kubernetes read of our files: neither a chart nor a cluster is here to ask."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from dagster_k8s.models import k8s_model_from_dict, k8s_snake_case_dict
from kubernetes import client  # type: ignore[import-untyped]

#: The keys of a section of the values; a text is Kubernetes' model of the value, None is not looked at.
Keys: TypeAlias = "dict[str, Keys] | list[Keys] | str | None"

ENABLED: Keys = {"enabled": None}
IMAGE: Keys = {"repository": None, "tag": None, "pullPolicy": None}
THREADS: Keys = {"useThreads": None, "numWorkers": None}
TICKS: Keys = {"purgeAfterDays": None}
POD: dict[str, Keys] = {
    "image": IMAGE,
    "labels": None,
    "podSecurityContext": "V1PodSecurityContext",
    "securityContext": "V1SecurityContext",
    "resources": "V1ResourceRequirements",
    "livenessProbe": "V1Probe",
    "readinessProbe": "V1Probe",
}

#: Those that our values set, from the models behind its values.schema.json, where a further one is to be looked up.
CHART: Keys = {
    "global": {"postgresqlSecretName": None, "dagsterHome": None},
    "generatePostgresqlPasswordSecret": None,
    "generateCeleryConfigSecret": None,
    "postgresql": {
        "enabled": None,
        "postgresqlHost": None,
        "postgresqlUsername": None,
        "postgresqlDatabase": None,
        "postgresqlParams": None,
        "postgresqlScheme": None,
        "service": {"port": None},
    },
    "dagster-user-deployments": {
        "enabled": None,
        "enableSubchart": None,
        "deployments": [
            {
                **POD,
                "name": None,
                "dagsterApiGrpcArgs": None,
                "port": None,
                "includeConfigInLaunchedRuns": ENABLED,
                "env": None,
                "volumes": ["V1Volume"],
                "volumeMounts": ["V1VolumeMount"],
                "readinessProbe": dict.fromkeys(("enabled", *client.V1Probe.attribute_map.values())),
            }
        ],
    },
    "runLauncher": {
        "type": None,
        "config": {
            "k8sRunLauncher": {
                "imagePullPolicy": None,
                "loadInclusterConfig": None,
                "envConfigMaps": ["V1ConfigMapEnvSource"],
                "envSecrets": ["V1SecretEnvSource"],
                "envVars": None,
                "volumes": ["V1Volume"],
                "volumeMounts": ["V1VolumeMount"],
                "failPodOnRunFailure": None,
                "labels": None,
                "resources": "V1ResourceRequirements",
                "securityContext": "V1SecurityContext",
                "runK8sConfig": {"podSpecConfig": "V1PodSpec", "jobSpecConfig": "V1JobSpec"},
            }
        },
    },
    "dagsterWebserver": {
        **POD,
        "replicaCount": None,
        "enableReadOnly": None,
        "service": {"type": None, "port": None},
    },
    "dagsterDaemon": {
        **POD,
        "enabled": None,
        "heartbeatTolerance": None,
        "runCoordinator": {"enabled": None, "type": None, "config": {"queuedRunCoordinator": {}}},
        "runMonitoring": ENABLED,
        "runRetries": ENABLED,
        "sensors": THREADS,
        "schedules": THREADS,
    },
    "additionalInstanceConfig": None,  # goes into dagster.yaml as it is, which Dagster itself checks
    "scheduler": {"type": None, "config": {"daemonScheduler": {"maxCatchupRuns": None, "maxTickRetries": None}}},
    "retention": {"enabled": None, "schedule": TICKS, "sensor": TICKS},
    "computeLogManager": {"type": None},
    **dict.fromkeys(("migrate", "telemetry", "ingress", "rabbitmq", "redis", "flower"), ENABLED),
}


def unread(given: Any, keys: Keys = CHART, place: str = "values") -> Iterator[str]:
    """Where values have a key that nobody reads, or that Kubernetes does not take."""
    if isinstance(keys, str):
        try:
            k8s_snake_case_dict(getattr(client, keys), given)
        except Exception as error:  # noqa: BLE001  # it raises nothing more particular
            yield f"{place}: {error}"
    elif isinstance(keys, list):
        for each in given:
            yield from unread(each, keys[0], place)
    elif keys is not None:
        yield from (f"{place}.{key}" for key in given.keys() - keys.keys())
        for key in given.keys() & keys.keys():
            yield from unread(given[key], keys[key], f"{place}.{key}")


def read_by_kubernetes(document: dict[str, Any]) -> Any:
    """A document as Kubernetes' model of its kind. Raises for an unknown key and for one that is missing."""
    model = getattr(client, f"V1{document['kind']}")
    return k8s_model_from_dict(model, k8s_snake_case_dict(model, document))
