"""LeRobot's datasets: v3.0 written, v3.0, v2.1 and v2.0 read."""

from builder.exchange.contract import Format
from builder.exchange.lerobot.published import published
from builder.exchange.lerobot.reading import read
from builder.exchange.lerobot.writing import losses, write

FORMAT = Format(
    name="lerobot",
    about="a folder of LeRobot's, dataset version v3.0: its policies, TorchRL, and others who read it",
    suffix="",
    write=write,
    read=read,
    losses=losses,
    labels=True,
    opened=(
        "from lerobot.datasets.lerobot_dataset import LeRobotDataset; "
        'dataset = LeRobotDataset("il/x", root="{path}")'
    ),
    options={"fps": 30, "task": "", "file_mb": 100},
    published=published,
    import_options={"leave_out_videos": False},
)
