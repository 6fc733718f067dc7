"""Do the Dockerfile's steps in a bare Debian root, then run compose.yaml there: `python .ci/composition.py FOLDER`.

For machines without Docker: it needs root, debootstrap, some 8 GB, and the ports 80, 443, 5432 and 7860 free. The root
is made in FOLDER, which is left there. It ends with an error if a step fails, if the health check does not succeed
within its start period, or if the page cannot be used through Caddy.

Caddy and PostgreSQL are Debian's, not the images that the file names; vLLM is left out, since it needs a GPU. Commands
and environments are the file's own: the names of services lead to this machine.
"""

import re
import shlex
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from image import SOURCE, Image, bare_root

VALUES = {
    "ISTHMUS_NAME": "localhost",
    "POSTGRES_PASSWORD": "secret4postgres",
    "ISTHMUS_STATE_URL": "postgresql://isthmus:secret4postgres@postgres/isthmus",
}
"""What an administrator sets, by the comments of compose.yaml."""
USER, PASSWORD = "root", "correct horse battery"
AUTHORITY = "root/.local/share/caddy/pki/authorities/local/root.crt"
START_PERIOD = 60


def run_composition(image: Image, file: Path) -> None:
    """Start the services, add a user, and log in through Caddy. Raises an error at the first that fails."""
    services = yaml.safe_load(file.read_text())["services"]
    install(image, "caddy", "postgresql")
    with (image.root / "etc/hosts").open("a") as hosts:
        hosts.write(f"127.0.0.1 localhost {' '.join(services)}\n")
    environment = variables(services["isthmus"])
    with (
        postgres(image, variables(services["postgres"])),
        image.running(**environment),
        caddy(image, services["caddy"]["command"]),
    ):
        add_user(image, environment)
        log_in(environment["ISTHMUS_PUBLIC_URL"], image.root / AUTHORITY)
    print("The page was used through Caddy, with its state in PostgreSQL; all stopped.")


def variables(service: Mapping[str, Any]) -> dict[str, str]:
    """The environment of a service, filled in as Compose does; one that is not set outside is left out."""
    pairs = (line.partition("=") for line in service["environment"])
    named = {name: filled(value) if equals else VALUES.get(name) for name, equals, value in pairs}
    return {name: value for name, value in named.items() if value is not None}


def filled(text: str) -> str:
    """The text with `${NAME}` and `${NAME:?…}` filled in."""
    return re.sub(r"\$\{(\w+)(:\?[^}]*)?\}", lambda match: VALUES[match[1]], text)


def install(image: Image, *packages: str) -> None:
    """Install Debian's packages in the root, without starting what they start."""
    policy = image.root / "usr/sbin/policy-rc.d"
    policy.write_text("#!/bin/sh\nexit 101\n")
    policy.chmod(0o755)
    environment = image.environment | {"DEBIAN_FRONTEND": "noninteractive"}
    for words in (["apt-get", "update"], ["apt-get", "install", "-y", "--no-install-recommends", *packages]):
        subprocess.run(["chroot", image.root, *words], env=environment, check=True)


@contextmanager
def postgres(image: Image, environment: Mapping[str, str]) -> Iterator[None]:
    """A PostgreSQL as its image makes it: one user with a password, who owns the database of the same name."""
    user, password = environment["POSTGRES_USER"], environment["POSTGRES_PASSWORD"]
    (programs,) = image.root.glob("usr/lib/postgresql/*/bin")
    found = f"PATH=/{programs.relative_to(image.root)}:$PATH"
    as_postgres = ["chroot", "--userspec=postgres", str(image.root), "sh", "-c"]
    make = f"""cd /tmp && echo {password} > password && rm -rf state
        initdb --pgdata=state --username={user} --pwfile=password --auth=scram-sha-256"""
    subprocess.run([*as_postgres, f"{found}; {make}"], check=True)
    serve = "cd /tmp && exec postgres -D state -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    with subprocess.Popen([*as_postgres, f"{found}; {serve}"]) as process:
        try:
            create = f"{found}; PGPASSWORD={password} createdb --host=postgres --username={user} {user}"
            until(lambda: subprocess.run([*as_postgres, create], check=False).returncode == 0)
            yield
        finally:
            process.terminate()


@contextmanager
def caddy(image: Image, command: str) -> Iterator[None]:
    """Caddy, once it has made its certificate."""
    environment = image.environment | {"HOME": "/root"}
    with subprocess.Popen(["chroot", image.root, *shlex.split(filled(command))], env=environment) as process:
        try:
            until((image.root / AUTHORITY).exists)
            yield
        finally:
            process.terminate()


def add_user(image: Image, environment: Mapping[str, str]) -> None:
    """The second step of compose.yaml's comments."""
    words = [*image.words["ENTRYPOINT"], "users", "add", USER, "--role", "administrator"]
    twice = f"{PASSWORD}\n{PASSWORD}\n"
    subprocess.run(image.command(words), env={**image.environment, **environment}, input=twice, text=True, check=True)


def log_in(url: str, authority: Path) -> None:
    """What the administrator does next in a browser: log in, and open the page, which strangers do not see."""
    trust = ssl.create_default_context(cafile=str(authority))
    with httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=60) as http:
        until(lambda: is_served(http))
        expect(http.get("/config").status_code == 401, "a stranger is asked to log in")
        expect(http.get("http://localhost/").headers["location"].startswith(url), "plain HTTP leads to HTTPS")
        reply = http.post("/login", data={"name": USER, "password": PASSWORD}, headers={"Origin": url})
        expect(reply.status_code == 303, "the new user can log in")
        expect("secure" in reply.headers["set-cookie"].lower(), "the cookie is for HTTPS alone")
        expect(http.get("/config").status_code == 200, "the page opens")


def is_served(http: httpx.Client) -> bool:
    """Whether the page answers."""
    try:
        return http.get("/healthz").status_code == 200
    except httpx.TransportError:  # Caddy does not listen yet
        return False


def expect(is_so: bool, what: str) -> None:
    """Say what is so. Raises SystemExit if it is not."""
    if not is_so:
        raise SystemExit(f"Not so: {what}.")
    print(f"Seen: {what}.", flush=True)


def until(is_so: Callable[[], bool]) -> None:
    """Wait until it is so. Raises TimeoutError if it does not become so."""
    deadline = time.monotonic() + START_PERIOD
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError("A service of compose.yaml did not get ready; see its output above.")
        time.sleep(1)


def main() -> None:
    """Make the root, go through the Dockerfile, and run what compose.yaml puts together."""
    root = Path(sys.argv[1]).resolve()
    image = Image(root)
    with bare_root(root):
        image.build()
        run_composition(image, SOURCE / "compose.yaml")


if __name__ == "__main__":
    main()
