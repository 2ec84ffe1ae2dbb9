"""One running scene for all tests of this folder that a worker of pytest runs."""

from collections.abc import Iterator

import pytest

from tests.load.scene import Scene


@pytest.fixture(scope="session", name="running_scene")
def _running_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    prepared = Scene.prepare(tmp_path_factory.mktemp("load"))
    try:
        prepared.start()
        yield prepared
    finally:
        prepared.stop()


@pytest.fixture
def scene(running_scene: Scene) -> Scene:
    """Everything running, also when the test before failed half-way; a test leaves it as it found it."""
    for program in running_scene.programs:
        if program.process is None or program.process.poll() is not None:
            program.process = None
            program.start()
    if not running_scene.behind.is_running:
        running_scene.behind.start()
    return running_scene
