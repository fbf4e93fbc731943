from hypothesis import given, settings
from hypothesis import strategies as st

from mamebert.reports.plots.labels import MARK, Spot, place_labels, text_width
from mamebert.reports.plots.scatter import Point, Scatter, pareto_front

COSTS = st.floats(1e-3, 1e9)
POINTS = st.lists(st.tuples(COSTS, st.floats(-5, 5), st.one_of(st.none(), st.floats(0, 2))), min_size=1, max_size=30)


def scatter(points, **more):
    made = [Point(number, f"model {number}", *point) for number, point in enumerate(points, 1)]
    return Scatter("t", "x", "y", made, lambda v: f"{v:.3g}", **more)


@settings(max_examples=60, deadline=None)
@given(POINTS, st.booleans())
def test_everything_lies_inside_the_drawing(points, lower):
    drawing = scatter(points, lower_is_better=lower)
    left, top, right, bottom = drawing.box
    assert all(left <= each.x <= right and top <= each.y <= bottom for each in drawing.drawn)
    assert all(top - 0.1 <= end <= bottom + 0.1 for each in drawing.drawn for end in each.whisker or ())
    assert all(left - 0.1 <= tick.at <= right + 0.1 for tick in drawing.x_ticks)
    assert all(top - 0.1 <= tick.at <= bottom + 0.1 for tick in drawing.y_ticks)
    assert {label.text.split()[0] for label in drawing.labels} == {str(n) for n in range(1, len(points) + 1)}


@settings(deadline=None)
@given(POINTS, st.booleans())
def test_the_front_is_what_no_other_point_beats(points, lower):
    made = [Point(0, "", x, y) for x, y, _ in points]
    front, way = pareto_front(made, lower), -1 if lower else 1
    for point in made:
        beaten = any(p.x <= point.x and way * p.y >= way * point.y and (p.x, p.y) != (point.x, point.y) for p in made)
        assert beaten != any((p.x, p.y) == (point.x, point.y) for p in front)


def test_far_costs_stand_on_a_logarithmic_axis():
    assert scatter([(1.0, 0.5, None), (100.0, 0.9, None)]).is_log
    assert not scatter([(1.0, 0.5, None), (2.0, 0.9, None)]).is_log
    assert [tick.text for tick in scatter([(1.0, 0.5, None), (100.0, 0.9, None)]).x_ticks] == [
        "1", "2", "5", "10", "20", "50", "100",
    ]  # fmt: skip


def test_no_text_lies_on_another_or_on_a_point_where_there_is_room():
    spots = [Spot(100 + 14 * n, 100 + 3 * (n % 4), str(n), f"{n} a name of its own") for n in range(12)]
    labels = place_labels(spots, (50, 10, 470, 300))
    boxes = [(v.x - text_width(v.text) / 2, v.y - 11, v.x + text_width(v.text) / 2, v.y + 2) for v in labels]
    boxes += [(s.x - MARK, s.y - MARK, s.x + MARK, s.y + MARK) for s in spots]
    names = len(labels)
    for i, a in enumerate(boxes[:names]):
        for b in boxes[i + 1 :]:
            assert not (a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3])


def test_a_name_is_written_where_it_fits_and_a_number_where_it_does_not():
    area = (0.0, 0.0, 200.0, 200.0)
    (free,) = place_labels([Spot(50, 100, "1", "1 distil")], area)
    assert free.text == "1 distil"
    (tight,) = place_labels([Spot(15, 15, "1", "1 " + "x" * 99)], area)
    assert tight.text == "1"
