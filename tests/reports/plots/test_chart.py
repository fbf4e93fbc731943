from hypothesis import given
from hypothesis import strategies as st

from mamebert.reports.plots.chart import Chart, Line, clock_step, nice_step, smooth, thin, ticks


def measured(number):
    """Leave out what nothing measures: steps between numbers as small as 1e-207 are no floats any more."""
    return number if abs(number) > 1e-50 else 0.0


POINTS = st.lists(
    st.tuples(st.floats(0, 1e9).map(measured), st.floats(-100, 100).map(measured)), min_size=1, max_size=40
)


@given(POINTS, st.sampled_from(["amount", "clock", "count"]), st.booleans())
def test_every_point_and_tick_lies_inside_the_drawing(points, scale, from_zero):
    chart = Chart(
        "t",
        "x",
        "y",
        [Line("a", sorted(points), [0.5] * len(points))],
        x_scale=scale,
        x_from_zero=from_zero,
        levels=[("level", 3.0)],
    )
    left, top, right, bottom = chart.box
    across = [chart.x(x) for x, _ in points] + [tick.at for tick in chart.x_ticks]
    upright = [chart.y(y) for _, y in points] + [tick.at for tick in chart.y_ticks] + [chart.y(3.0)]
    assert all(left - 0.1 <= x <= right + 0.1 for x in across)
    assert all(top - 0.1 <= y <= bottom + 0.1 for y in upright)
    assert len(chart.x_ticks) < 15


@given(st.floats(1e-6, 1e9))
def test_steps_are_round_and_not_below_what_is_asked(least):
    assert least * (1 - 1e-8) <= nice_step(least) <= 10 * least
    assert clock_step(least) >= min(least, 1) * (1 - 1e-8)


def test_ticks_of_hours_fall_on_hours():
    assert ticks(0, 5 * 3600, 6, clock_step) == [0, 3600, 7200, 10800, 14400, 18000]


def test_smoothing_keeps_the_mean_of_each_group():
    assert smooth([(0.0, 2.0), (1.0, 4.0), (2.0, 6.0), (3.0, 10.0)], most=2) == [(0.5, 3.0), (2.5, 8.0)]


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 9)), min_size=2, max_size=99), st.integers(2, 20))
def test_thinning_keeps_both_ends(points, most):
    kept = thin(points, most)
    assert (kept[0], kept[-1]) == (points[0], points[-1])
    assert len(kept) == min(most, len(points))


def test_the_numbers_below_a_chart_leave_out_what_a_shorter_curve_never_reached():
    long, short = [(float(x), 1.0) for x in range(11)], [(float(x), 2.0) for x in range(6)]
    last = Chart("t", "x", "y", [Line("long", long), Line("short", short)]).table.rows[-1]
    assert [cell.text for cell in last] == ["10", "1.000", "–"]
