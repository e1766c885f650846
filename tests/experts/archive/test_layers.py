"""Layers come from the weights."""

from sb3_models import UNEVEN, box, check_same_actions
from sweeps import sweep


@sweep("net_arch", [[], [8], {"pi": [8, 4], "vf": [32]}, {"pi": [], "vf": [8]}], quick=2)
def test_layers_come_from_the_weights(save, net_arch):
    saved = save("PPO", "MlpPolicy", box(4), UNEVEN, policy_kwargs={"net_arch": net_arch})
    agent = check_same_actions(saved, box(4), UNEVEN)
    sizes = net_arch["pi"] if isinstance(net_arch, dict) else net_arch
    assert [len(layer.weight) for layer in agent.network.hidden] == sizes
