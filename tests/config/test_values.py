"""Durations, in steps or in epochs."""

from jaxhash import config as configs


def test_durations_in_steps_win_over_epochs():
    config = configs.base()
    assert configs.duration(config.train, "total", 39) == 150 * 39
    config.train.total_steps = 7
    assert configs.duration(config.train, "total", 39) == 7
