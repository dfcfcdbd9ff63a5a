# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact contains the files that users need, and no others. It works in a directory that is read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

from simulator import Simulator
from support.account import environment as credentials
from support.account import mg, seed
from support.ansible_run import ROOT, environment

EXPECTED = {
    ".ansible-lint",  # Galaxy reads it.
    "COPYING",
    "FILES.json",
    "MANIFEST.json",
    "README.md",
    "changelogs",
    "docs",
    "meta",
    "playbooks",
    "plugins",
    "roles",
}
COLLECTION = "ansible_collections/messaging/twilio"


def built(folder: Path, source: Path = ROOT) -> Path:
    """The artifact of the tree ``source``."""
    folder.mkdir()
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", str(folder), str(source)],
        env=environment(folder, {}),
        capture_output=True,
        check=True,
    )
    [artifact] = folder.glob("messaging-twilio-*.tar.gz")
    return artifact


def contents(artifact: Path) -> dict[str, bytes | None]:
    """The bytes of each file, and ``None`` for a folder."""
    with tarfile.open(artifact) as archive:
        files = {member.name: archive.extractfile(member) for member in archive.getmembers()}
        return {name: file.read() if file is not None else None for name, file in files.items()}


@pytest.fixture(scope="module")
def artifact(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("artifact") / "built")


def test_artifact_has_the_expected_files(artifact: Path) -> None:
    names = contents(artifact)
    # The changelog exists after the first release.
    assert {name.split("/")[0] for name in names} - {"CHANGELOG.rst", "CHANGELOG.rst.license"} == EXPECTED
    assert "plugins/modules/alpha_sender.py" in names
    assert "docs/docsite/conf.py" not in names
    assert not [name for name in names if "__pycache__" in name or "cache" in name]


def test_second_build_has_the_same_content(artifact: Path, tmp_path: Path) -> None:
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    # In another directory, with other timestamps.
    for name in filter(None, reversed(files)):
        target = tmp_path / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod((ROOT / name).stat().st_mode)
    assert contents(built(tmp_path / "again", tmp_path / "copy")) == contents(artifact)


def test_collection_works_in_a_read_only_directory(simulator: Simulator, artifact: Path, tmp_path: Path) -> None:
    system = tmp_path / "usr/share/ansible/collections"
    variables = environment(tmp_path, credentials(simulator)) | {"ANSIBLE_COLLECTIONS_PATH": str(system)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # Python would write next to the plugins if it could.
    install = ["ansible-galaxy", "collection", "install", "--offline", "--collections-path", str(system)]
    subprocess.run([*install, str(artifact)], env=variables, capture_output=True, check=True)
    for path in (system, *system.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    # Root ignores permissions unless it lacks this capability.
    bound = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
    touched = subprocess.run([*bound, "touch", str(system / COLLECTION / "new")], capture_output=True, check=False)
    assert touched.returncode == 1
    simulator.reset(seed([], ["OLD"], ["ACME"]))
    extra = ["-e", "alpha_sender_name=ACME", "-e", f"{{alpha_sender_services: [{', '.join(map(mg, (1, 2, 3)))}]}}"]
    for playbook, line in (
        ("apply", "3 Services: 1 created, 1 replaced, 0 deleted, 1 unchanged, 0 failed"),
        ("audit", "3 Services: 3 with alpha sender, 0 without, 3 as desired, 0 drifted, 0 unread"),
    ):
        done = subprocess.run(
            [*bound, "ansible-playbook", f"messaging.twilio.{playbook}", *extra],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert line in done.stdout
    for path in (system, *system.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)  # So that pytest can remove them.
