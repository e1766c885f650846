import pytest
from sights import LIMIT

from builder.experts.archive.vec_normalize import read_statistics
from builder.experts.observations.transforms import Normalisation


@pytest.fixture
def normalised(tmp_path):
    """Statistics of an environment as read from SB3's own file, and SB3's wrapper with the same file."""
    from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

    def prepare(make, **settings):
        vector = VecNormalize(DummyVecEnv([make]), **settings)
        vector.seed(0)
        vector.reset()
        vector.action_space.seed(0)
        for _ in range(LIMIT - 1):
            vector.step([vector.action_space.sample()])
        vector.save(tmp_path / "s.pkl")

        def wrap(inner):
            loaded = VecNormalize.load(tmp_path / "s.pkl", inner)
            loaded.training = loaded.norm_reward = False
            return loaded

        return Normalisation(read_statistics((tmp_path / "s.pkl").read_bytes(), "s.pkl")), wrap

    return prepare
