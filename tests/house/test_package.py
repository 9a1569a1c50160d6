"""What is installed from a wheel: built offline as pip does it, looked into, and run."""

from __future__ import annotations

import ast
import email.parser
import json
import os
import re
import shlex
import shutil
import site
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

from gateway.cli.arguments import SHELLS
from gateway.compiled import FRAMES, PUSHES

ROOT = Path(__file__).parents[2]
LIMIT_S = 100
SOURCES = ("actors", "gateway", "config", "deploy", "docs", "examples", "scripts")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.so", "*.pyd")
BUILD = "import sys; from setuptools import build_meta as it; print(getattr(it, sys.argv[1])({!r}))"
PAGED = re.compile(r"^(docs|config|examples)/|^README")

try:
    _HAS_TOOLS = int(metadata.version("setuptools").partition(".")[0]) >= 77
    metadata.version("cython")
except metadata.PackageNotFoundError:
    _HAS_TOOLS = False
pytestmark = [
    pytest.mark.skipif(
        not _HAS_TOOLS, reason="no setuptools and cython to build with; scripts/test.py gets them"
    ),
    pytest.mark.timeout(LIMIT_S),
]


def checkout(to: Path) -> Path:
    """Copy what a clone has, without what was built in it."""
    to.mkdir()
    for name in SOURCES:
        shutil.copytree(ROOT / name, to / name, ignore=NOT_COPIED)
    for file in ROOT.glob("*"):
        if file.is_file():
            shutil.copy(file, to)
    return to


def built(kind: str, source: Path, to: Path, *, compiler: str | None = None) -> Path:
    """Build a wheel or an sdist of a folder; a compiler may be named."""
    done = subprocess.run(
        [sys.executable, "-c", BUILD.format(str(to)), kind],
        cwd=source,
        env=os.environ | ({"CC": compiler} if compiler else {}),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return to / done.stdout.splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdist")
    return built("build_sdist", checkout(folder / "checkout"), folder)


@pytest.fixture(scope="module")
def wheel(sdist: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of the sdist, on a machine without a compiler."""
    folder = tmp_path_factory.mktemp("wheel")
    with tarfile.open(sdist) as packed:
        packed.extractall(folder, filter="data")
    (source,) = folder.iterdir()
    return built("build_wheel", source, folder, compiler="false")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of packages with the wheel in it, as an installer unpacks it."""
    folder = tmp_path_factory.mktemp("site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder)
    return folder


def run(installed: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where the installed packages are found first."""
    return subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=installed.parent,
        env=os.environ | {"PYTHONPATH": str(installed)},
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )


def prescribed() -> set[str]:
    """Return what modules pass to ``page``."""
    return {
        str(ast.literal_eval(node.args[0]))
        for path in (ROOT / "gateway").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "page"
    }


def test_a_wheel_without_compiled_code_is_for_every_machine(wheel: Path) -> None:
    assert wheel.name.endswith("-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        (told,) = [name for name in names if name.endswith(".dist-info/WHEEL")]
        assert b"Root-Is-Purelib: true" in packed.read(told)
    assert not [name for name in names if name.endswith((".so", ".pyd", ".c"))]
    assert {"gateway/__init__.py", "actors/py.typed", "gateway/py.typed"} <= set(names)


def test_every_page_that_a_message_names_is_installed(installed: Path) -> None:
    pages = prescribed()
    assert {"docs/control.md", "config/default.yaml", "README.md"} <= pages
    there = installed / "gateway" / "_pages"
    for page in pages | {"CHANGELOG.md", "README.zh-CN.md", "examples/embed.py"}:
        assert (there / page).read_bytes() == (ROOT / page).read_bytes(), page
    code = f"from gateway.commands import page\nfor each in {sorted(pages)}: print(page(each))"
    told = run(installed, "-c", code).stdout.splitlines()
    assert [Path(each) for each in told] == [there / page for page in sorted(pages)]


def test_an_installed_gateway_has_the_files_to_deploy_it(installed: Path, tmp_path: Path) -> None:
    there = installed / "gateway" / "_pages"
    for file in (ROOT / "deploy").rglob("*"):
        if file.is_file():
            copy = there / file.relative_to(ROOT)
            assert copy.read_bytes() == file.read_bytes(), file
    options = ["--yes", "--json", "--compose", "--listen", "127.0.0.1:0", "--dir", str(tmp_path)]
    done = run(installed, "-m", "gateway", "init", *options)
    assert "compose.yaml" in json.loads(done.stdout)["service"], done.stderr


def test_messages_name_pages_by_where_they_are() -> None:
    """A bare ``docs/…`` in a message is right in a checkout only."""
    for path in (ROOT / "gateway").rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        given = {id(each) for call in calls for each in call.args}
        bodies = [node for node in ast.walk(tree) if isinstance(node, ast.Expr)]
        docs = {id(node.value) for node in bodies}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                bare = re.search(r"\b(docs|config)/[\w-]+\.(md|yaml)\b", node.value)
                assert not bare or id(node) in docs | given, (path, node.value)


def test_the_sdist_has_all_that_a_wheel_needs_and_nothing_that_was_built(sdist: Path) -> None:
    with tarfile.open(sdist) as packed:
        names = {name.partition("/")[2] for name in packed.getnames()}
    wanted = {"LICENSE", "NOTICE", "CHANGELOG.md", "CONTRIBUTING.md", "setup.py"}
    wanted |= {"deploy/compose.yaml", "deploy/systemd/xianyu-gateway.service"}
    wanted |= {"config/example.yaml", "examples/embed.py", "docs/adr", "scripts/run_gateway.py"}
    wanted |= {"deploy/prometheus/rules.yml", "deploy/grafana/gateway.json"}
    wanted |= {f"{module.replace('.', '/')}.pyx" for module in (FRAMES, PUSHES)}
    wanted |= {f"gateway/_completions/{shell}" for shell in SHELLS}
    assert wanted <= names
    assert not [name for name in names if name.endswith((".so", ".pyd", ".c", ".pyc"))]


def test_an_editable_installation_is_a_path_that_type_checkers_follow(tmp_path: Path) -> None:
    """A finder in its place, which setuptools would write, is seen by the interpreter alone."""
    source = checkout(tmp_path / "checkout")
    with zipfile.ZipFile(built("build_editable", source, tmp_path, compiler="false")) as packed:
        (path,) = [name for name in packed.namelist() if name.endswith(".pth")]
        assert packed.read(path).decode().strip() == str(source)
        assert not [name for name in packed.namelist() if "_pages" in name]


def test_the_metadata_is_what_an_index_shows(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        (name,) = [name for name in names if name.endswith(".dist-info/METADATA")]
        told = email.parser.Parser().parsestr(packed.read(name).decode())
    assert {f"gateway/_completions/{shell}" for shell in SHELLS} <= set(names)
    assert told["License-Expression"] == "Apache-2.0"
    assert told.get_all("License-File") == ["LICENSE", "NOTICE"]
    for file in ("LICENSE", "NOTICE"):
        assert name.replace("METADATA", f"licenses/{file}") in names
    assert told["Requires-Python"] == ">=3.11"
    builds = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["cibuildwheel"]
    tested = {f"3.{version}" for version in re.findall(r"cp3(\d+)-\*", builds["build"])}
    classified = re.findall(r"Python :: (3\.\d+)$", str(told), re.MULTILINE)
    assert set(classified) == tested


def test_without_compiled_readers_it_works_and_says_so(installed: Path, tmp_path: Path) -> None:
    done = run(installed, "-m", "gateway", "doctor", "--json")
    (finding,) = [each for each in json.loads(done.stdout)["findings"] if each["name"] == "readers"]
    assert finding["verdict"] == "warning", finding
    assert FRAMES in finding["detail"]
    assert PUSHES in finding["detail"]
    assert "C compiler" in finding["next_step"]

    done = run(installed, "-m", "gateway", "demo", "--seconds", "2", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["lost"] == 0

    config = tmp_path / "my.yaml"
    config.write_text(f"data_dir: {tmp_path / 'data'}\n")
    started = "from gateway import Gateway, logs\nlogs.configure('info', 'json')\n"
    started += "with Gateway.from_config({!r}): pass"
    done = run(installed, "-c", started.format(str(config)))
    assert (done.stdout + done.stderr).count("gateway.plain_readers") == 1, done


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("", f"{sys.executable} -m pip install 'xianyu-gateway[http]'"),
        ("sys.modules['pip'] = None", f"uv pip install -p {sys.executable} 'xianyu-gateway[http]'"),
        (
            "sys.prefix = {!r}",
            (
                "pipx inject xianyu-gateway 'waitress<4,>=3.0.1' 'prometheus-client>=0.21' "
                "'itsdangerous>=2.2' 'jinja2>=3.1.6' 'segno>=1.6'"
            ),
        ),
    ],
    ids=["pip", "uv", "pipx"],
)
@pytest.mark.skipif(os.name == "nt", reason="its shell quotes otherwise")
def test_an_extra_is_added_by_who_keeps_the_installation(
    installed: Path, tmp_path: Path, where: str, told: str
) -> None:
    (tmp_path / "pipx_metadata.json").write_text("{}")
    (tmp_path / "pip").mkdir()
    code = f"import sys\nsys.path.append({str(tmp_path)!r})\n"
    code += f"{where.format(str(tmp_path))}\nfrom gateway.commands import extra\n"
    done = run(installed, "-c", code + "print(extra('http'))")
    assert done.stdout.strip() == told, done.stderr


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no compiler")
@pytest.mark.parametrize("page", ["README.md", "README.zh-CN.md"])
def test_what_the_page_says_installs_it(page: str, tmp_path: Path) -> None:
    """Its ``pip install`` from a checkout, into an environment that has the libraries."""
    text = (ROOT / page).read_text("utf-8")
    (line,) = re.findall(r"^\S+/pip (install .*?)(?: +#.*)?$", text, re.MULTILINE)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True, timeout=60
    )
    python = tmp_path / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    (own,) = (tmp_path / "venv").rglob("site-packages")
    (own / "libraries.pth").write_text("\n".join(site.getsitepackages()))
    subprocess.run(
        [python, "-m", "pip", "--no-input", *shlex.split(line), "--no-build-isolation"],
        cwd=checkout(tmp_path / "checkout"),
        check=True,
        timeout=200,
    )
    for module in (FRAMES, PUSHES):
        (compiled,) = own.glob(f"{module.replace('.', '/')}.*.[sp][oy]*")
        assert b".debug_info" not in compiled.read_bytes()
    command = python.with_name("xianyu-gateway")
    done = subprocess.run(
        [command, "doctor", "--json"], capture_output=True, timeout=60, check=False
    )
    verdicts = {each["name"]: each["verdict"] for each in json.loads(done.stdout)["findings"]}
    assert verdicts["readers"] == "ok"
    subprocess.run([command, "demo", "--seconds", "5", "--json"], check=True, timeout=60)
