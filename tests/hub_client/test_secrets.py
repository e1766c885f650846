"""What looks like a secret is found by its shape or its variable's name, and never shown."""

import pytest
from sweeps import case

from builder.hub_client.secrets import SHAPES, redacted, secret_in, secret_variables

TOKEN = "hf_" + "aB3" * 12
ENVIRONMENT = {
    "MY_TOKEN": "correct-horse",
    "OPENAI_API_KEY": "battery-staple",
    "DB_PASSWORD": "tr0ub4dor&3",
    "CLIENT_SECRET": "s" * 20,
    "HOME": "/home/somebody",
    "KEYMAP": "us",
}


def test_variables_whose_names_say_so_hold_secrets_unless_their_values_are_too_short():
    assert set(secret_variables(ENVIRONMENT)) == {
        "MY_TOKEN",
        "OPENAI_API_KEY",
        "DB_PASSWORD",
        "CLIENT_SECRET",
    }


@pytest.mark.parametrize("name", ["MY_TOKEN", "OPENAI_API_KEY", "DB_PASSWORD", "CLIENT_SECRET"])
def test_the_value_of_a_variable_is_found_anywhere_and_named_by_the_variable(name):
    text = f"a card with {ENVIRONMENT[name]}."
    assert secret_in(text, ENVIRONMENT) == f"the value of the environment variable {name}"
    assert redacted(text, ENVIRONMENT) == "a card with ***."


TOKENS = [
    *(
        TOKEN,
        "ghp_" + "a1" * 20,
        "github_pat_" + "a_1" * 10,
        "glpat-" + "x-y_z" * 5,
        "xoxb-1234567890-abc",
    ),
    *("sk-" + "aB3_-" * 5, "AIza" + "a" * 35, "AKIAABCDEFGHIJKLMNOP", "-----BEGIN RSA PRIVATE KEY-----"),
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
]


def test_a_token_is_known_by_its_shape():
    for token in TOKENS:
        with case(token):
            assert secret_in(f'"{token}"', {}) in SHAPES
            assert token not in redacted(f"x={token} y", {})


def test_what_only_looks_a_little_like_one_is_none():
    for text in [
        "hf_hub",
        "risk-averse-agents-of-2024-and-later",
        "sha256:" + "ab" * 32,
        "sb3/ppo-CartPole-v1",
        "",
    ]:
        with case(text):
            assert secret_in(text, ENVIRONMENT) is None
            assert redacted(text, ENVIRONMENT) == text


def test_of_two_secrets_in_one_another_nothing_is_left():
    environment = {"A_TOKEN": "12345678", "B_TOKEN": "x12345678y"}
    assert redacted("x12345678y and 12345678", environment) == "*** and ***"
