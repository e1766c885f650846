import shutil

import pytest
from configured import CARTPOLE


@pytest.fixture
def copy(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    return shutil.copy(CARTPOLE, folder / "agent.zip")
