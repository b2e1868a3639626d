"""Where an axis puts its ticks."""

import pytest

from pipelines.shared.pages.plots import Axis
from pipelines.stages.evaluate.figures import loss_plot


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 7, 20, 99])
def test_the_curve_of_a_training_has_ticks_at_whole_epochs_alone(epochs):
    ticks = loss_plot([0.5] * epochs).x.ticks()
    assert ticks == [int(tick) for tick in ticks]
    assert 2 <= len(ticks) <= 6
    assert 1 <= min(ticks) <= max(ticks) <= max(epochs, 2)


def test_an_axis_of_shares_has_ticks_between_its_ends():
    assert Axis(label="share").ticks() == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1])
