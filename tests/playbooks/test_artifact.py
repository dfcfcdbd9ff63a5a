# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The artifact has what users need, and nothing of what only developers do."""

from __future__ import annotations

import subprocess
import tarfile
from pathlib import Path

from simulator.playing import ROOT, environment

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


def test_the_artifact_has_what_users_need_alone(tmp_path: Path) -> None:
    subprocess.run(
        ["ansible-galaxy", "collection", "build", "--output-path", str(tmp_path), str(ROOT)],
        env=environment(tmp_path, {}),
        capture_output=True,
        check=True,
    )
    with tarfile.open(next(tmp_path.glob("messaging-twilio-*.tar.gz"))) as artifact:
        names = artifact.getnames()
    # There is a changelog once there is a release.
    assert {name.split("/")[0] for name in names} - {"CHANGELOG.rst"} == NEEDED
    assert "plugins/modules/alpha_sender.py" in names
    assert not [name for name in names if "__pycache__" in name or "cache" in name]
