"""scripts/venv on machines that lack something, played by stand-ins for the commands that it calls."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
COMPLETE = 'case "$*" in *ensurepip*) exit 0 ;; esac'
INCOMPLETE = 'case "$*" in *ensurepip*) exit 1 ;; esac'


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "bin").mkdir()
    shutil.copy(ROOT / "scripts" / "venv", tmp_path / "scripts" / "venv")
    for needed in ("bash", "dirname", "touch", "mkdir", "cp", "chmod"):
        found = shutil.which(needed)
        assert found is not None
        (tmp_path / "bin" / needed).symlink_to(found)
    return tmp_path


def _stand_in(checkout: Path, command: str, script: str) -> None:
    path = checkout / "bin" / command
    path.write_text(f'#!{checkout}/bin/bash\necho "{command} $*" >>"{checkout}/calls"\n{script}\n')
    path.chmod(0o755)


def _calls(checkout: Path) -> str:
    calls = checkout / "calls"
    return calls.read_text() if calls.exists() else ""


def _run(checkout: Path, what: str = "runtime") -> subprocess.CompletedProcess[str]:
    command = [str(checkout / "bin" / "bash"), str(checkout / "scripts" / "venv"), what]
    return subprocess.run(
        command, env={"PATH": str(checkout / "bin")}, cwd=checkout, capture_output=True, text=True, check=False
    )


def test_without_python_it_says_what_to_install(checkout: Path) -> None:
    result = _run(checkout)
    assert result.returncode == 2
    assert "apt-get install python3 python3-venv" in result.stderr


def test_an_old_python_is_refused_with_both_versions(checkout: Path) -> None:
    _stand_in(checkout, "python3", 'case "$*" in *platform*) echo 3.9.2 ;; *) exit 1 ;; esac')
    result = _run(checkout)
    assert result.returncode == 2
    assert "Python 3.11 or newer is needed, python3 is 3.9.2." in result.stderr


def test_without_venv_and_without_apt_it_prints_the_line_to_type(checkout: Path) -> None:
    _stand_in(checkout, "python3", INCOMPLETE)
    result = _run(checkout)
    assert result.returncode == 2
    assert result.stderr.strip().endswith("Type: sudo apt-get install -y python3-venv")


@pytest.mark.parametrize("helps", [True, False])
def test_root_gets_the_package_and_others_get_the_line_to_type(checkout: Path, helps: bool) -> None:
    _stand_in(checkout, "apt-get", f'case "$*" in install*) touch "{checkout}/installed" ;; esac' if helps else "")
    _stand_in(checkout, "python-of-venv", "")
    _stand_in(
        checkout,
        "python3",
        f'''
case "$*" in
  *ensurepip*) [[ -e "{checkout}/installed" ]] ;;
  *"-m venv"*) mkdir -p .venv/bin && cp "{checkout}/bin/python-of-venv" .venv/bin/python ;;
esac''',
    )
    result = _run(checkout)
    if os.geteuid() != 0:
        assert (result.returncode, "Type: sudo" in result.stderr) == (2, True)
        return
    assert _calls(checkout).index("apt-get update") < _calls(checkout).index("apt-get install -y python3-venv")
    assert (result.returncode, "did not complete" in result.stderr) == ((0, False) if helps else (2, True))


def test_a_complete_python_gets_an_environment_from_the_lock_files_with_hashes(checkout: Path) -> None:
    pip = f"{checkout}/bin/python-of-venv"
    _stand_in(checkout, "python-of-venv", "")
    made = f'mkdir -p .venv/bin && cp "{pip}" .venv/bin/python'
    _stand_in(checkout, "python3", f'{COMPLETE}\ncase "$*" in *"-m venv"*) {made} ;; esac')
    result = _run(checkout)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    installs = [call for call in _calls(checkout).splitlines() if "pip install" in call]
    assert len(installs) == 2
    assert "--require-hashes --requirement requirements.lock --requirement requirements-build.lock" in installs[0]
    assert "--no-deps --no-build-isolation --editable ." in installs[1]


def test_an_environment_that_works_is_kept(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    _stand_in(checkout, "python-of-venv", "")
    shutil.copy(checkout / "bin" / "python-of-venv", checkout / ".venv" / "bin" / "python")
    assert _run(checkout).returncode == 0  # there is no python3 that could make one
    assert _run(checkout, "development").returncode == 0
    assert "--require-hashes --requirement requirements-dev.lock" in _calls(checkout)


def test_a_failed_installation_is_a_failure(checkout: Path) -> None:
    (checkout / ".venv" / "bin").mkdir(parents=True)
    _stand_in(checkout, "python-of-venv", 'case "$*" in *install*) echo "hash differs" >&2; exit 1 ;; esac')
    shutil.copy(checkout / "bin" / "python-of-venv", checkout / ".venv" / "bin" / "python")
    result = _run(checkout)
    assert result.returncode == 1
    assert "hash differs" in result.stderr


def test_other_words_are_refused_with_the_usage(checkout: Path) -> None:
    result = _run(checkout, "everything")
    assert result.returncode == 2
    assert "usage: scripts/venv runtime|development" in result.stderr
