"""How the house stands: what may import what, what is committed, and what the set-up files promise."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]


def tracked() -> list[Path]:
    """Committed files and those about to be, without what is ignored."""
    names = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    found = [ROOT / name for name in names.stdout.decode().split("\0") if name]
    return [path for path in found if path.is_file()]


def python(code: str, cwd: Path = ROOT) -> str:
    """What a fresh interpreter prints."""
    run = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.strip()


def imports(folder: Path) -> set[tuple[str, str]]:
    """Every (file, imported module) below a folder."""
    found = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                found |= {(str(path.relative_to(ROOT)), alias.name) for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                found.add((str(path.relative_to(ROOT)), node.module))
    return found


def test_platform_is_a_source_root_and_no_package():
    assert not (ROOT / "platform" / "__init__.py").exists()


@pytest.mark.parametrize("folder", ["", "platform", "tests"])
def test_the_standard_librarys_platform_is_found_from_anywhere(folder):
    where = python("import platform; print(platform.__file__)", ROOT / folder) if folder != "tests" else "platform.py"

    assert where.endswith("platform.py")
    assert str(ROOT / "platform") not in where


def test_agents_is_ours_even_where_another_package_has_the_name(tmp_path):
    assert Path(python("import agents; print(agents.__file__)")) == ROOT / "agents" / "__init__.py"
    assert Path(python("import agents; print(agents.__file__)", tmp_path)) == ROOT / "agents" / "__init__.py"


def test_no_distribution_beside_ours_brings_one_of_our_packages():
    from importlib.metadata import packages_distributions

    owners = packages_distributions()

    for name in ("agents", "api", "billing", "console", "telephony", "tenants", "switchboard"):
        assert set(owners.get(name, [])) <= {"switchboard"}


def test_the_import_contracts_hold():
    lint = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert lint.returncode == 0, lint.stdout + lint.stderr


@pytest.mark.parametrize("package", ["agents.voice.session", "telephony.vobiz.stream", "telephony.vobiz.answers"])
def test_the_pure_packages_load_without_the_framework(package):
    loaded = python(
        f"import sys, {package}\nprint([name for name in ('django', 'channels', 'celery') if name in sys.modules])"
    )

    assert loaded == "[]"


def test_the_carriers_protocol_needs_the_standard_library_and_msgspec_only():
    foreign = {
        (path, name)
        for path, name in imports(ROOT / "telephony" / "vobiz")
        if name.partition(".")[0] not in sys.stdlib_module_names | {"msgspec", "audioop"}  # audioop-lts, since 3.13
        and not name.startswith("telephony.vobiz")
    }

    assert foreign == set()


def test_the_contracts_name_every_package_of_ours():
    import tomllib

    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text())
    ours = {Path(path).name for path in pyproject["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    contracts = {contract["name"]: contract for contract in pyproject["tool"]["importlinter"]["contracts"]}

    assert set(pyproject["tool"]["importlinter"]["root_packages"]) == ours
    simulator = contracts["The simulator plays the carrier, not us"]["forbidden_modules"]
    protocol = contracts["The engine and the carrier's protocol know no framework"]["forbidden_modules"]
    assert ours - {"telephony"} <= set(simulator)
    assert ours - {"telephony", "agents"} <= set(protocol)
    assert ours <= set(contracts["One module speaks to Stripe"]["source_modules"])


def test_the_simulator_imports_nothing_of_ours_but_the_protocol():
    ours = {
        (path, name)
        for path, name in imports(ROOT / "telephony" / "simulator")
        if name.partition(".")[0] in {"switchboard", "console", "api", "billing", "tenants", "agents", "telephony"}
        and not name.startswith(("telephony.vobiz", "telephony.simulator"))
    }

    assert ours == set()


def test_compose_runs_every_role_from_one_image_with_one_environment():
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]

    assert {"postgres", "redis", "migrate", "web", "worker", "beat", "stream-0"} <= set(services)
    ours = {name: service for name, service in services.items() if "build" in service}
    for name, service in ours.items():
        assert service["image"] == "switchboard"
        assert service["environment"] == ours["web"]["environment"]
        assert service["env_file"] == [{"path": ".env", "required": False}]
        assert service["command"][:2] == ["switchboard", name.partition("-")[0]]


def test_composes_roles_share_what_they_must_and_reach_each_other():
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    web, database = compose["services"]["web"], compose["services"]["postgres"]["environment"]
    dockerfile = (ROOT / "Dockerfile").read_text()

    for folder in ("media", "spool"):
        assert f"{folder}:/var/lib/switchboard/home/{folder}" in web["volumes"]
        assert f"home/{folder}" in dockerfile, "made by the image, so that the volume belongs to its user"
    assert "${ALLOWED_HOSTS" in web["environment"]["ALLOWED_HOSTS"]
    inside = re.findall(r"ws://([\w-]+):", web["environment"]["STREAM_INTERNAL_URL"])
    assert inside == [name for name in compose["services"] if name.startswith("stream-")]
    account = re.match(r"postgresql://(\w+):", web["environment"]["DATABASE_URL"])[1]
    assert account != database["POSTGRES_USER"], "the image makes that one a superuser"
    assert f"CREATE ROLE {account} LOGIN NOSUPERUSER CREATEROLE" in compose["configs"]["account"]["content"]


def test_constraints_carry_hashes_and_no_address():
    text = (ROOT / "constraints.txt").read_text()

    pins = re.findall(r"^[A-Za-z0-9._-]+==\S+", text, re.MULTILINE)
    assert len(pins) > 100
    assert text.count("--hash=sha256:") >= len(pins)
    assert "://" not in text
    assert not re.search(r"^\s*-(i|f|-index|-find)", text, re.MULTILINE)


def test_no_committed_file_names_a_registry_or_a_machine():
    home = "|".join(re.escape(str(path)) for path in {ROOT, Path(os.path.expanduser("~"))} if len(path.parts) > 1)
    # A letter of each in brackets, so that this file is no exception.
    names = r"py[p]i\.org|python[h]osted|registry\.np[m]js|deb\.deb[i]an\.org|/opt/[w]heels|\.\./[s]hared"
    forbidden = re.compile(rf"(?:{home})(?=[/\"'\s])|{names}")
    found = []
    for path in tracked():
        try:
            text = path.read_text()
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {match.group()}" for match in forbidden.finditer(text)]

    assert found == []


def settings_read() -> set[str]:
    """Names of the environment variables that the settings read."""
    code = (ROOT / "platform" / "switchboard" / "settings.py").read_text()
    names = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            function = ast.unparse(node.func)
            if function in {"env.text", "env.words", "env.integer", "env.flag", "env.mail", "_secret"}:
                names.add(node.args[0].value)
    return names


def test_the_changelog_tells_each_thing_once():
    told = [line[:30] for line in (ROOT / "CHANGELOG.md").read_text().splitlines() if line.strip()]

    assert [begin for begin in told if told.count(begin) > 1] == []


def test_every_setting_is_explained_in_the_example():
    example = (ROOT / ".env.example").read_text()
    explained = re.findall(r"^# \S.*\n#([A-Z_]+)=", example, re.MULTILINE)

    assert len(explained) == len(set(explained))
    assert settings_read() == set(explained)


def test_the_wheel_carries_templates_static_files_and_migrations(tmp_path):
    pytest.importorskip("hatchling")
    build = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert build.returncode == 0, build.stderr
    import zipfile

    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert "switchboard/settings.py" in names
    assert "switchboard/templates/base.html" in names
    assert any(name.startswith("switchboard/static/") and name.endswith(".css") for name in names)
    assert any(name.startswith("telephony/migrations/0001") for name in names)
    assert "billing/shipped/standard.toml" in names
    assert not any(name.startswith(("tests/", "platform/")) for name in names)


def test_make_says_what_there_is():
    said = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout

    for target in ("help", "demo", "up", "test", "check", "fix"):
        assert f"make {target}\t" in said
