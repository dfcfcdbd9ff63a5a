# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact has what users need, and nothing of what only developers do. It works where nobody may write."""

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

NEEDED = {
    ".ansible-lint",  # Galaxy reads it when it looks at the artifact
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


def test_the_artifact_has_what_users_need_alone(artifact: Path) -> None:
    names = contents(artifact)
    # There is a changelog once there is a release.
    assert {name.split("/")[0] for name in names} - {"CHANGELOG.rst", "CHANGELOG.rst.license"} == NEEDED
    assert "plugins/modules/alpha_sender.py" in names
    assert "docs/docsite/conf.py" not in names
    assert not [name for name in names if "__pycache__" in name or "cache" in name]


def test_another_build_has_the_same_content(artifact: Path, tmp_path: Path) -> None:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    # In another place, and with other times.
    for name in filter(None, reversed(files)):
        target = tmp_path / "copy" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, target)
        target.chmod((ROOT / name).stat().st_mode)
    assert contents(built(tmp_path / "again", tmp_path / "copy")) == contents(artifact)


def test_it_works_where_nobody_may_write(simulator: Simulator, artifact: Path, tmp_path: Path) -> None:
    system = tmp_path / "usr/share/ansible/collections"
    variables = environment(tmp_path, credentials(simulator)) | {"ANSIBLE_COLLECTIONS_PATH": str(system)}
    variables.pop("PYTHONDONTWRITEBYTECODE", None)  # Python would write beside the plugins, where it may
    install = ["ansible-galaxy", "collection", "install", "--offline", "--collections-path", str(system)]
    subprocess.run([*install, str(artifact)], env=variables, capture_output=True, check=True)
    for path in (system, *system.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)
    # To root permissions mean nothing while it has this capability.
    bound = ["setpriv", "--bounding-set", "-dac_override"] if os.geteuid() == 0 else []
    touched = subprocess.run([*bound, "touch", str(system / COLLECTION / "new")], capture_output=True, check=False)
    assert touched.returncode == 1
    simulator.reset(seed([], ["OLD"], ["ACME"]))
    wish = ["-e", "alpha_sender_name=ACME", "-e", f"{{alpha_sender_services: [{', '.join(map(mg, (1, 2, 3)))}]}}"]
    for playbook, told in (
        ("apply", "3 Services: 1 created, 1 replaced, 0 deleted, 1 unchanged, 0 failed"),
        ("audit", "3 Services: 3 have an alpha sender, 0 have none, 3 are as wanted"),
    ):
        done = subprocess.run(
            [*bound, "ansible-playbook", f"messaging.twilio.{playbook}", *wish],
            env=variables,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        assert told in done.stdout
    for path in (system, *system.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)  # for who cleans up
