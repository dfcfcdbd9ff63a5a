#!/usr/bin/env bash
# Copyright messaging.twilio contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# ansible-test, of the ansible-core on the PATH, on a copy of the tree at the path that it asks for:
# tests/ansible-test.sh sanity, or integration with the targets that are given.
set -euo pipefail
cd "$(dirname "$0")/.."

version=$(ansible-test --version | grep -oE '[0-9]+\.[0-9]+' | head -n 1)
tree=.build/tree-$1-$version/ansible_collections/messaging/twilio
rm -rf "$tree" && mkdir -p "$tree"
git ls-files -z --cached --others --exclude-standard |
  tar --create --null --files-from - | tar --extract --directory "$tree"
git -C "$tree" init --quiet
git -C "$tree" add --all

# What ansible-test keeps for the next time stays here. Shims of version managers mislead it.
export HOME="$PWD/.build/home"
bin=$(dirname "$(command -v ansible-test)")
base=$("$bin/python" -c 'import sys; print(sys.base_prefix)')
export PATH="$bin:$base/bin:/usr/bin:/bin"

# It sets up its environments with a script that it fetches from a host of its own. Where that does not
# answer, a stand-in does the same with the pip that every Python carries.
"$bin/python" - <<'EOF'
import re
import urllib.request
from importlib.util import find_spec
from pathlib import Path

package = Path(find_spec("ansible_test").origin).parent
version = re.search(r"pip='([0-9.]+)'", (package / "_internal/python_requirements.py").read_text()).group(1)
address = re.search(r"https://[\w./-]+/ansible-test/", (package / "_util/target/setup/requirements.py").read_text()).group()
script = Path.home() / f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py"
try:
    urllib.request.urlopen(f"{address}get-pip-{version}.py", timeout=10).close()
except OSError:
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(
        "import subprocess, sys\n"
        "subprocess.check_call([sys.executable, '-m', 'ensurepip', '--default-pip'])\n"
        "kept = [word for word in sys.argv[1:] if word not in ('--no-setuptools', '--no-wheel')]\n"
        "subprocess.check_call([sys.executable, '-m', 'pip', 'install', *kept])\n"
    )
EOF

cd "$tree"
case "$1" in
  integration) where=(--local) ;;
  *) where=(--venv --python "$("$bin/python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')") ;;
esac
ansible-test "$1" "${where[@]}" --color no "${@:2}"
