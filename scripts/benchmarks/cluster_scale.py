"""What many pictures on many machines would take, computed from what one picture costs on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Costs:
    """Measured on one machine; seconds are of CPU.

    Attributes:
        picture: of one picture, without a cluster.
        dispatch: of one file beside that: of the driver, of Ray and of the worker.
        driver: what of that is the driver's.
        wait: of the driver for each finished file, by the number of workers that it waits for.
        idle: each second of a node on which Ray runs and nothing is done.
        bytes_in, bytes_out: of a picture's file, of its result.
        bytes_per_name: what the driver holds of a file that waits.
    """

    picture: float
    dispatch: float
    driver: float
    wait: Mapping[int, float]
    idle: float
    bytes_in: float
    bytes_out: float
    bytes_per_name: float


@dataclass(frozen=True)
class Scale:
    """What is to be done, and with what.

    Attributes:
        pictures: how many.
        nodes, cores: machines, and cores of each.
        price: of a core for an hour.
    """

    pictures: float = 1e9
    nodes: int = 1000
    cores: int = 16
    price: float = 0.04

    def describe(self, costs: Costs) -> dict[str, float]:
        """Hours and money, and what drivers, memory and storage would have to bear meanwhile."""
        rate = self.nodes * (self.cores - costs.idle) / (costs.picture + costs.dispatch)
        hours = self.pictures / rate / 3600
        return {
            "hours": hours,
            "core_hours": hours * self.nodes * self.cores,
            "cost": hours * self.nodes * self.cores * self.price,
            "pictures_a_second": rate,
            "pictures_a_second_of_one_driver": 1 / (costs.driver + costs.wait[self.nodes * self.cores]),
            "cores_of_a_driver_for_each_node": rate / self.nodes * (costs.driver + costs.wait[self.cores]),
            "gigabytes_of_names": self.pictures * costs.bytes_per_name / 1e9,
            "gigabytes_a_second_read": rate * costs.bytes_in / 1e9,
            "gigabytes_a_second_written": rate * costs.bytes_out / 1e9,
            "terabytes_written": self.pictures * costs.bytes_out / 1e12,
        }
