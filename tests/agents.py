"""An agent with published results beside it."""

import json
import shutil

from builder import Controller
from builder.experts.policy import BUNDLED


def agent(folder, **published):
    folder.mkdir()
    shutil.copy(BUNDLED / "cartpole.zip", folder / "ppo-CartPole-v1.zip")
    if published:
        (folder / "published.json").write_text(json.dumps(published))
    return folder


def start(tmp_path, folder, **config):
    base = {"expert": "local", "expert.path": str(folder), "env.id": "CartPole-v1", "episodes": 15}
    return Controller().start({**base, "out": str(tmp_path / "x"), **config})
