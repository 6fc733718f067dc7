"""compose.yaml, read as the Compose specification says; `make lint` reads the Dockerfile."""

import shlex

import regex
from compose_spec import PyCompose
from dockerfile_parse import DockerfileParser

from benchmarks.report import ROOT
from rag.settings import Settings
from ui.server.serving import ANSWER_SECONDS, CLOSE_SECONDS

TEXT = (ROOT / "compose.yaml").read_text()


def test_the_file_is_valid_and_all_that_it_names_is_there():
    compose = PyCompose.from_yaml(TEXT)
    compose.validate()
    assert compose.service_names() == ["isthmus", "caddy", "postgres", "vllm"]
    used = {mount.split(":")[0] for service in compose.to_dict()["services"].values() for mount in service["volumes"]}
    assert used == set(compose.to_dict()["volumes"])


def test_the_settings_that_it_sets_exist():
    environment = PyCompose.from_yaml(TEXT).to_dict()["services"]["isthmus"]["environment"]
    names = {variable.split("=")[0].removeprefix("ISTHMUS_").lower() for variable in environment}
    assert names <= Settings.model_fields.keys()


def test_a_container_that_stops_has_time_for_running_answers():
    minutes = PyCompose.from_yaml(TEXT).to_dict()["services"]["isthmus"]["stop_grace_period"]
    assert 60 * int(minutes.removesuffix("m")) > ANSWER_SECONDS + CLOSE_SECONDS


def test_what_the_image_copies_is_there_and_not_ignored():
    allowed = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().split() if line[0] == "!"}
    steps = DockerfileParser(str(ROOT / "Dockerfile")).structure
    copied = {
        name
        for step in steps
        if step["instruction"] == "COPY"
        for name in shlex.split(step["value"])[:-1]
        if not name.startswith("--")
    }
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_no_key_stands_twice():
    """YAML takes the last of two without a word."""
    for service in regex.split(r"(?m)^  (?=\w+:$)", TEXT):
        keys = regex.findall(r"(?m)^    (\w+):", service)
        assert len(keys) == len(set(keys))
