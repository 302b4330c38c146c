r"""Notebooks as Jobs of Kubernetes, for Snakemake's generic executor; needs kubectl and Python, nothing else.

    job.py submit --rule R --of H --log L --cpus N --memory MB --minutes N --gpus N \
        --image I --claim C --mount M F
    job.py status NAME          prints running, success or failed

A Job's name is a function of its notebook's log, so that one notebook has one Job: a workflow that starts
again while a Job of an earlier one is still waiting or running is given that Job, and no second one is made.
If parameters or code have changed since, which H tells, that Job is ended and makes way for a new one.
"""

import argparse
import hashlib
import json
import os
import re
import subprocess
import sys

HASH = "cold-zoom/of"  # the annotation with H
KEPT = 86_400  # seconds for which Kubernetes keeps a finished Job and its log


def kubectl(*arguments: str, given: str | None = None) -> subprocess.CompletedProcess:
    return subprocess.run(["kubectl", *arguments], input=given, capture_output=True, text=True)


def find(name: str) -> tuple[str, str] | None:
    """The state of a Job (running, success or failed) and the hash that it was made for; None: no such Job.

    Raises:
        RuntimeError: the cluster does not answer.
    """
    done = kubectl("get", "job", name, "--ignore-not-found", "--output", "json")
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    if not done.stdout.strip():
        return None
    found = json.loads(done.stdout)
    conditions = found.get("status", {}).get("conditions") or []
    true = {condition["type"] for condition in conditions if condition["status"] == "True"}
    state = "success" if "Complete" in true else "failed" if "Failed" in true else "running"
    return state, (found["metadata"].get("annotations") or {}).get(HASH, "")


def manifest(o: argparse.Namespace, name: str) -> dict:
    """The Job that runs Snakemake's script in the project's folder on the shared volume."""
    limits = {"memory": f"{o.memory}Mi"} | ({"nvidia.com/gpu": o.gpus} if o.gpus else {})
    container = {
        "name": "notebook",
        "image": o.image,
        "command": ["sh", os.path.abspath(o.script)],
        "workingDir": os.getcwd(),
        "env": [{"name": key, "value": os.environ[key]} for key in ("MNIST_DIR",) if key in os.environ],
        "resources": {"requests": {"cpu": o.cpus, "memory": f"{o.memory}Mi"}, "limits": limits},
        "volumeMounts": [{"name": "study", "mountPath": o.mount}],
    }
    pod = {
        "restartPolicy": "Never",  # Snakemake submits again
        "containers": [container],
        "volumes": [{"name": "study", "persistentVolumeClaim": {"claimName": o.claim}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "labels": {"app": "cold-zoom"}, "annotations": {HASH: o.of}},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": o.minutes * 60,
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": {"app": "cold-zoom"}}, "spec": pod},
        },
    }


def submit(o: argparse.Namespace) -> str:
    """Make the Job of a notebook unless it is there already; returns its name."""
    readable = re.sub(r"[^a-z0-9]+", "-", o.rule.lower()).strip("-")[:40]
    name = f"cz-{hashlib.sha256(os.path.abspath(o.log).encode()).hexdigest()[:10]}-{readable}".rstrip("-")
    found = find(name)
    if found == ("running", o.of):
        return name
    if found is not None:
        kubectl("delete", "job", name, "--ignore-not-found", "--cascade=foreground", "--wait=true")
    done = kubectl("create", "--filename", "-", given=json.dumps(manifest(o, name)))
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return name


def main() -> None:
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("submit")
    for option in ("rule", "of", "log", "image", "claim", "mount"):
        one.add_argument(f"--{option}", required=True)
    for option in ("cpus", "memory", "minutes", "gpus"):
        one.add_argument(f"--{option}", type=int, required=True)
    one.add_argument("script", metavar="F")
    commands.add_parser("status").add_argument("name")
    o = parser.parse_args()
    try:
        if o.command == "submit":
            print(submit(o))
        else:
            print((find(o.name) or ("failed",))[0])
    except (RuntimeError, OSError) as error:
        if o.command == "submit":
            sys.exit(f"The Job could not be made: {error}")
        print(f"kubectl: {error}", file=sys.stderr)  # Snakemake would end on an error; it asks again later
        print("running")


if __name__ == "__main__":
    main()
