"""The verb `experts`."""

from builder.cli.main import main


def test_experts_is_a_table_and_one_can_be_shown(capsys):
    assert main(["experts"]) == 0
    assert "CartPole-v1" in capsys.readouterr().out
    assert main(["experts", "name=cartpole"]) == 0
    assert "env_id         CartPole-v1" in capsys.readouterr().out


def test_the_line_that_plays_a_kept_expert_asks_for_the_returns_that_its_name_did(tmp_path, capsys):
    assert main(["experts", "name=pendulum", f"save={tmp_path / 'kept'}"]) == 0
    plays = f"expert=local expert.path={tmp_path / 'kept'} env.id=Pendulum-v1 threshold=-300 plays it"
    assert capsys.readouterr().out == f"saved pendulum in {tmp_path / 'kept'}; {plays}\n"
