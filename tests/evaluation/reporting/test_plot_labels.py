"""Labels of points keep clear of points, curves and each other."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.text import Annotation

from enhance.evaluation.reporting.plot_labels import Label, choose_place, write_labels

BOUNDS = (0.0, 0.0, 200.0, 200.0)
inside = st.floats(60, 140)


def overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


@given(st.lists(st.tuples(inside, inside), min_size=1, max_size=3), st.floats(4, 40))
def test_labels_stay_inside_and_apart(points: list[tuple[float, float]], width: float) -> None:
    taken: list[tuple[float, float, float, float]] = []
    for point in points:
        box = choose_place(point, (width, 8), np.array(points), taken, BOUNDS)
        assert abs(box[2] - box[0] - width) < 1e-9
        assert min(box) >= 0 and max(box) <= 200
        assert not any(overlap(box, other) for other in taken)
        assert not (box[0] < point[0] < box[2] and box[1] < point[1] < box[3])
        taken.append(box)


def test_the_side_without_a_curve_is_taken() -> None:
    to_the_right = np.array([(x, 100.0) for x in range(100, 160, 2)])
    box = choose_place((100, 100), (20, 8), to_the_right, [], BOUNDS)
    assert not ((to_the_right > box[:2]) & (to_the_right < box[2:])).all(axis=1).any()
    assert choose_place((100, 100), (20, 8), np.zeros((0, 2)), [], BOUNDS) == (104, 96, 124, 104)


def test_a_label_far_from_its_point_has_a_line_to_it() -> None:
    panel = Figure(dpi=100).subplots()
    panel.set(xlim=(0, 1), ylim=(0, 1))
    write_labels(panel, [Label("a name", (0.5, 0.5), "black")] * 6, [[(0.2, 0.5), (0.5, 0.5)]])
    arrows = [text.arrow_patch for text in panel.findobj(Annotation)]
    assert len(arrows) == 6 and arrows[0] is None and arrows[-1] is not None
