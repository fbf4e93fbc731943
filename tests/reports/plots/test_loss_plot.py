import xml.etree.ElementTree as ET

from mamebert.reports.plots.loss_plot import LossPlot

SVG = "{http://www.w3.org/2000/svg}"


def plot(num_steps, heldout_every=20):
    grown = LossPlot("H256-L4-W <&>")
    for step in range(1, num_steps + 1):
        grown.add({"step": step, "lr": 1e-3 / step, "loss": 9.0 / step, "mlm_loss": 8.0 / step})
        if step % heldout_every == 0:
            grown.add({"step": step, "heldout_mlm_loss": 8.5 / step})
    return grown


def paths(picture):
    return [path.get("d") for path in ET.fromstring(picture).iter(f"{SVG}path") if "line c" in path.get("class", "")]


def test_it_has_both_losses_with_their_last_values_and_the_rate():
    picture = plot(60).draw("step 60 of 100", running=False)
    told = " ".join(ET.fromstring(picture).itertext())
    for text in ("H256-L4-W <&>", "step 60 of 100", "held out 0.142", "Learning rate", "Loss of masked words, nats"):
        assert text in told
    keys, curves = 2, 3
    assert len(paths(picture)) == keys + curves


def test_order_gain_has_a_curve_where_it_was_measured():
    grown = plot(60)
    assert "Order gain" not in grown.draw("", running=False)
    for step in (20, 40, 60):
        grown.add({"step": step, "order_gain": step / 100})
    assert "Order gain 0.600, nats" in " ".join(ET.fromstring(grown.draw("", running=False)).itertext())


def test_a_long_run_makes_no_larger_picture():
    assert len(plot(20_000, 10_000).draw("", running=True)) < 2 * len(plot(80, 40).draw("", running=True))


def test_without_a_curve_there_is_no_picture():
    assert LossPlot("name").draw("", running=True) == ""
    assert plot(1).draw("", running=True) == ""


def test_a_step_that_changed_no_weight_is_not_drawn():
    grown = plot(30)
    before = grown.draw("", running=False)
    grown.add({"step": 31, "lr": 1e-3, "trouble": "the loss is nan", "mlm_loss": float("nan")})
    assert grown.draw("", running=False) == before


def test_nothing_in_it_is_fetched():
    picture = plot(30).draw("", running=True)
    assert "href" not in picture
    assert "url(" not in picture
    assert "http" not in picture.replace("http://www.w3.org/2000/svg", "")
