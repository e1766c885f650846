"""What an object holds is found wherever it is, always in the same order."""

import functools
import types

import numpy as np
import torch
from sweeps import case

from builder.experts.parts import MOST_PARTS, large, parts


class Token:
    """What is looked for."""


class Slots:
    __slots__ = ("__hidden", "unset", "value")

    def __init__(self, value):
        self.value = self.__hidden = value


def enclosing(token):
    def function(other=token):
        return token, other

    return function


class Method:
    def __init__(self, token):
        self.token = token

    def predict(self):
        return self.token


WAYS = {
    "attribute": lambda token: types.SimpleNamespace(a=token),
    "dictionary": lambda token: {"a": [token]},
    "tuple": lambda token: (1, (token,)),
    "slots": Slots,
    "closure": enclosing,
    "partial": lambda token: functools.partial(print, token),
    "method": lambda token: Method(token).predict,
    "array of objects": lambda token: np.array([token, None], object),
}


def test_a_part_is_found_in_every_place():
    for way, hide in WAYS.items():
        with case(way):
            token = Token()
            assert [part for part in parts(hide(token)) if isinstance(part, Token)] == [token]


def test_each_part_comes_once_and_circles_end():
    one = types.SimpleNamespace()
    one.itself, one.again = one, [one]
    assert [type(part).__name__ for part in parts(one)].count("SimpleNamespace") == 1


def test_parts_come_in_the_order_in_which_they_were_put_there():
    tokens = [Token() for _ in range(6)]
    held = types.SimpleNamespace(a=tokens[0], b={"x": tokens[1], "y": [tokens[2], tokens[3]]}, c=tokens[4:])
    assert [part for part in parts(held) if isinstance(part, Token)] == tokens


def test_code_and_modules_are_not_looked_into():
    assert not any(isinstance(part, Token) for part in parts([np, Token, type("Held", (), {"a": Token()})]))


def test_a_large_memory_is_not_looked_through():
    assert sum(1 for _ in parts([[] for _ in range(2 * MOST_PARTS)])) == MOST_PARTS


def test_large_arrays_and_tensors_are_told_from_small_ones():
    array, tensor = np.zeros(1000), torch.zeros(1000)
    held = {"a": [array, np.zeros(3)], "b": torch.nn.ParameterList([tensor, torch.zeros(2)])}
    assert [len(part) for part in large(held, 4000)] == [1000, 1000]
    assert large(np.array([None] * 10_000), 4000) == []
