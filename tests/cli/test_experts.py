"""The verb `experts`."""

from builder.cli.main import main


def test_experts_is_a_table_and_one_can_be_shown(capsys):
    assert main(["experts"]) == 0
    assert "CartPole-v1" in capsys.readouterr().out
    assert main(["experts", "name=cartpole"]) == 0
    assert "env_id         CartPole-v1" in capsys.readouterr().out
