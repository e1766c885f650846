"""A baseline, as a dataset folder keeps it."""

from builder.manifest.baseline import Baseline, Played, Point, Run

LEARNED = Baseline(
    dataset="d" * 64,
    algo="bc",
    train={"steps": 10, "batch_size": 8, "learning_rate": 0.001, "hidden": [4]},
    split="train",
    episodes=3,
    seed=200_000,
    random=Played("random", 20.0, 1.0, 19.0, 21.0),
    expert=Played("cartpole", 500.0, 0.0, 500.0, 500.0),
    runs=(Run(1, 0, 100.0, 5.0), Run(1, 1, 200.0, 5.0)),
    curve=(Point(1, 150.0, 100.0, 200.0),),
    notes=("few",),
    packages={"torch": "2"},
    picture="a" * 64,
)
