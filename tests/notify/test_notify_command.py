"""`notify test`, and what `check` and `doctor` say of the bell."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
import yaml
from commands import call
from receiver import Receiver, receiving

from gateway.cli import check, checks
from gateway.notify import courier

SECRET = "hunter2hunter2"


def config(tmp_path: Path, **notify: object) -> str:
    path = tmp_path / "gateway.yaml"
    tree = {"data_dir": str(tmp_path / "var"), "notify": {"language": "zh-CN", **notify}}
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), "utf-8")
    path.chmod(0o600)
    return str(path)


def down() -> str:
    with receiving() as made:
        return made.target


def test_it_says_of_each_target_whether_the_message_went(tmp_path: Path) -> None:
    """No gateway runs; none is needed."""
    with receiving() as receiver:
        file = config(tmp_path, to=[receiver.target], also=[{"alerts": ["*"], "to": [down()]}])
        code, out, err = call("notify", "test", "-c", file)
        assert (code, err) == (1, "")
        first, second = out.splitlines()
        assert first == "notify.to[0]  json  sent"
        assert second.startswith("notify.also[0].to[0]  json  ")
        assert receiver.bodies() == ["这是一条通知测试，没有任何问题。"]

        code, out, _ = call("notify", "test", "-c", file, "--json")
        told = msgspec.json.decode(out)["targets"]
        assert [each["sent"] for each in told] == [True, False]
        assert code == 1
        code, _, _ = call("notify", "test", "-c", config(tmp_path, to=[receiver.target]))
        assert code == 0


@pytest.mark.parametrize(
    ("top", "own", "told"),
    [
        ("zh-CN", None, "这是一条通知测试，没有任何问题。"),
        ("zh-CN", "en", "This is a test of the bell. Nothing is wrong."),
        ("en", None, "This is a test of the bell. Nothing is wrong."),
        (None, "zh-CN", "这是一条通知测试，没有任何问题。"),
    ],
)
def test_the_bell_speaks_the_language_of_the_gateway_unless_it_has_its_own(
    top: str | None, own: str | None, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C")
    with receiving() as receiver:
        path = Path(config(tmp_path, to=[receiver.target], language=own))
        path.write_text(f"language: {top or 'null'}\n{path.read_text('utf-8')}", "utf-8")
        code, out, err = call("notify", "test", "-c", str(path))
        assert (code, err) == (0, "")
        assert receiver.bodies() == [told]
        assert out.strip().endswith("已送达" if top == "zh-CN" else "sent")


def test_without_targets_it_is_a_question_of_the_configuration(tmp_path: Path) -> None:
    code, _, err = call("notify", "test", "-c", config(tmp_path))
    assert code == 2
    assert "notify.to: is empty" in err


def test_check_names_the_place_of_a_url_that_apprise_cannot_read(tmp_path: Path) -> None:
    """And nothing of the URL but its scheme."""
    with receiving() as receiver:
        urls = [receiver.target, f"nonsense://{SECRET}"]
        code, out, err = call("check", "-c", config(tmp_path, to=urls))
    assert code == 2
    assert "notify.to[1]: apprise does not understand this URL of nonsense://" in err
    assert SECRET not in out + err
    code, out, err = call("check", "-c", config(tmp_path, to=[SECRET]))
    assert code == 2
    assert "notify.to[0]: is no URL of apprise" in err
    assert SECRET not in out + err


def test_check_and_doctor_say_how_to_install_apprise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (check, checks, courier):
        monkeypatch.setattr(module, "missing", lambda: "apprise is not installed; run: pip …")
    monkeypatch.setattr("gateway.cli.paths.missing", lambda: "it is not")
    file = config(tmp_path, to=[f"json://h/{SECRET}"])
    code, out, err = call("check", "-c", file)
    assert code == 0
    assert "notify.to: apprise is not installed; run: pip …" in err
    assert SECRET not in out + err
    code, out, _ = call("doctor", "-c", file)
    assert code == 1
    assert "nobody is told" in out


def test_the_remedy_is_the_command_for_this_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    assert courier.missing() is None
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    told = courier.missing()
    assert told is not None
    assert "[notify]" in told


def test_a_receiver_is_no_secret(tmp_path: Path) -> None:
    """The address of this machine stays readable in logs."""
    with receiving() as receiver:
        assert isinstance(receiver, Receiver)
        file = config(tmp_path, to=[f"json://u:{SECRET}@127.0.0.1:{receiver.port}/{SECRET}"])
        receiver.status = 500
        code, out, _ = call("notify", "test", "-c", file)
    assert code == 1
    assert SECRET not in out
