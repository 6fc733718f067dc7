"""The Kubernetes examples, read as the schemas of Kubernetes say; `compose.yaml` is in test_containers.py."""

import re

import kubernetes_validate
import pytest
import yaml

from benchmarks.report import ROOT
from rag.settings import Settings
from ui.server.serving import ANSWER_SECONDS, CLOSE_SECONDS

FOLDER = ROOT / "docs" / "kubernetes"
VERSION = "1.34"
MANIFESTS = [
    (file.name, manifest)
    for file in sorted(FOLDER.glob("*.yaml"))
    if not file.stem.endswith("-values")
    for manifest in yaml.safe_load_all(file.read_text())
]


def mappings(value):
    """All mappings in a value."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from mappings(inner)


def of_kind(kind):
    return {manifest["metadata"]["name"]: manifest for _, manifest in MANIFESTS if manifest["kind"] == kind}


@pytest.mark.parametrize(("file", "manifest"), MANIFESTS, ids=[f"{m['kind']} in {file}" for file, m in MANIFESTS])
def test_a_manifest_is_valid(file, manifest):
    kubernetes_validate.validate(manifest, VERSION, strict=True)


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.yaml")), ids=lambda file: file.name)
def test_no_key_stands_twice(file):
    """YAML takes the last of two without a word."""

    def check(node):
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            assert len(keys) == len(set(keys)), node.start_mark
            for _, value in node.value:
                check(value)
        elif isinstance(node, yaml.SequenceNode):
            for value in node.value:
                check(value)

    for document in yaml.compose_all(file.read_text()):
        check(document)


def test_the_settings_that_are_set_exist():
    container = of_kind("Deployment")["isthmus"]["spec"]["template"]["spec"]["containers"][0]
    names = {variable["name"].removeprefix("ISTHMUS_").lower() for variable in container["env"]}
    assert names <= Settings.model_fields.keys()


def test_what_is_named_is_there():
    services, claims = of_kind("Service"), of_kind("PersistentVolumeClaim")
    for name, service in services.items():
        labels = service["spec"]["selector"]
        workloads = [*of_kind("Deployment").values(), *of_kind("StatefulSet").values()]
        pods = [
            w["spec"]["template"]
            for w in workloads
            if labels.items() <= w["spec"]["template"]["metadata"]["labels"].items()
        ]
        assert len(pods) == 1, name
        ports = {port["name"] for container in pods[0]["spec"]["containers"] for port in container["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports
    found = list(mappings([manifest for _, manifest in MANIFESTS]))
    assert {m["claimName"] for m in found if "claimName" in m} == set(claims)
    backends = [m["backend"]["service"] for m in found if "backend" in m]
    assert backends
    for backend in backends:
        assert backend["port"]["name"] in {port["name"] for port in services[backend["name"]]["spec"]["ports"]}


def test_the_command_in_the_docs_makes_every_secret():
    files = [yaml.safe_load_all(file.read_text()) for file in sorted(FOLDER.glob("*.yaml"))]
    found = list(mappings([list(documents) for documents in files]))
    used = {(m["secretKeyRef"]["name"], m["secretKeyRef"]["key"]) for m in found if "secretKeyRef" in m}
    used |= {(m["secretName"], m["secretKey"]) for m in found if "secretKey" in m}
    docs = (ROOT / "docs" / "scale.md").read_text()
    [(name, options)] = re.findall(r"kubectl create secret generic (\S+)(.*?)\n```", docs, re.DOTALL)
    assert used == {(name, key) for key in re.findall(r"--from-literal=([\w-]+)=", options)}


def test_a_pod_that_stops_has_time_for_running_answers():
    seconds = of_kind("Deployment")["isthmus"]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    assert seconds > ANSWER_SECONDS + CLOSE_SECONDS
