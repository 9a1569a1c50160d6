"""``check`` says what ``run`` would refuse, and both say it with 2."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from commands import call

POSIX = pytest.mark.skipif(os.name == "nt", reason="paths of POSIX")


@POSIX
@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data_dir: {dir}/file", "data_dir: {dir}/file is no folder"),
        ("data_dir: {dir}/file/below", "data_dir: {dir}/file is no folder"),
        ("sinks: [{{kind: jsonl, path: {dir}}}]", "sinks[0].path: '{dir}' is a folder"),
        ("sinks: [{{kind: jsonl, path: ''}}]", "sinks[0].path: '' is a folder"),
        ("sinks: [{{kind: jsonl, path: {dir}/file/x}}]", "sinks[0].path: {dir}/file is no folder"),
        ("sinks: [{{kind: python, call: 'os:nope'}}]", "call: "),
        ("sinks: [{{kind: python, call: 'os:sep'}}]", "has no function 'sep'"),
        ("accounts: [{{{ACCOUNT}, platform: nope}}]", "no platform 'nope'"),
        ("accounts: [{{{ACCOUNT}, tls: {{ca_file: {dir}/none}}}}]", "{dir}/none cannot be used"),
        ("accounts: [{{{ACCOUNT}, tls: {{ca_file: {dir}/file}}}}]", "{dir}/file cannot be used"),
    ],
)
def test_wrong_paths_and_parts(text: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("nothing")
    account = "id: a, url: 'wss://127.0.0.1:9/'"
    if "platform" not in text:
        account += ", platform: plain"
    file = tmp_path / "g.yaml"
    file.write_text(text.format(dir=tmp_path, ACCOUNT=account))
    for command in ("check", "run"):
        code, out, err = call(command, "-c", str(file))
        assert (code, out) == (2, ""), command
        assert told.format(dir=tmp_path) in err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "g.yaml"], "nothing is made"
