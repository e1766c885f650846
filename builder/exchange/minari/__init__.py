"""Minari: HDF5 below a root of datasets, which TorchRL's and AgileRL's loaders read too.

Source: minari 0.5.4.
"""

from builder.exchange.contract import Format
from builder.exchange.infos import holds_both
from builder.exchange.minari.place import settle, target
from builder.exchange.minari.published import published
from builder.exchange.minari.reading import read
from builder.exchange.minari.writing import losses, write

FORMAT = Format(
    name="minari",
    about="a root of datasets that Minari, and whoever loads from it, reads (HDF5)",
    suffix="",
    write=write,
    read=read,
    losses=losses,
    holds=holds_both,
    opened='import minari; dataset = minari.MinariDataset("{path}/data")',
    options={"id": None},
    import_options={"id": None},
    target=target,
    settle=settle,
    published=published,
)
