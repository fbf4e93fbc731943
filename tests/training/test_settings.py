from mamebert.training.settings import Training


def test_batches_double_over_the_ramp():
    training = Training(steps=1, batch_tokens=8192, batch_ramp=300_000)
    sizes = [training.batch_tokens_at(read) for read in (0, 99_999, 100_000, 199_999, 200_000, 299_999, 300_000, 10**9)]
    assert sizes == [1024, 1024, 2048, 2048, 4096, 4096, 8192, 8192]


def test_without_a_ramp_all_batches_are_alike():
    training = Training(steps=1, batch_tokens=5000)
    assert {training.batch_tokens_at(read) for read in (0, 1, 10**9)} == {5000}


def test_the_smallest_batch_has_16_tokens():
    assert Training(steps=1, batch_tokens=50, batch_ramp=3).batch_tokens_at(0) == 16
