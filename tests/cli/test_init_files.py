"""The files of ``init``: both or none, by one of many."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from commands import call

from gateway.cli import init_files, init_plan
from gateway.config import load
from gateway.credentials import own_files
from gateway.web.problems import Problem

LIMIT_S = 50


def test_of_many_at_once_one_wins_and_the_rest_are_refused(tmp_path: Path) -> None:
    """Each of them has looked already and found nothing there."""
    together = threading.Barrier(8)
    ended: list[str] = []
    answers = init_plan.Answers(
        folder=tmp_path / "new" / "one",
        account="a",
        platform="plain",
        url="ws://a/",
        listen="127.0.0.1:1",
        data_dir=tmp_path,
    )

    def one() -> None:
        together.wait(LIMIT_S)
        try:
            init_files.write(answers)
        except Problem as problem:
            ended.append(problem.error)
        else:
            ended.append("won")

    threads = [threading.Thread(target=one) for _ in range(8)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(LIMIT_S)
    assert sorted(ended) == ["exists"] * 7 + ["won"]
    names = sorted(each.name for each in answers.folder.iterdir())
    assert names == ["gateway.yaml", "http.token"]
    assert load(answers.config).http.token


@pytest.mark.parametrize("at", range(4))
def test_an_interrupt_leaves_both_files_or_none(
    at: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first draft, the second, the first name, the second."""
    left = iter(range(99))

    def interrupted() -> None:
        if next(left) == at:
            raise KeyboardInterrupt

    write, place = own_files.write, init_files._place

    def writes(path: Path, content: bytes) -> None:
        write(path, content)
        interrupted()

    def places(draft: Path, path: Path, content: bytes) -> None:
        place(draft, path, content)
        interrupted()

    monkeypatch.setattr(own_files, "write", writes)
    monkeypatch.setattr(init_files, "_place", places)
    folder = tmp_path / "new"
    assert call("init", "--yes", "--dir", str(folder))[0] == 130
    assert not folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="it renames there")
def test_where_no_links_can_be_made_it_is_written_all_the_same(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(Path, "hardlink_to", none)
    assert call("init", "--yes", "--dir", str(tmp_path))[0] == 0
    assert sorted(each.name for each in tmp_path.iterdir()) == ["gateway.yaml", "http.token"]
    assert load(tmp_path / "gateway.yaml").http.token
