"""TransHash and VTS16-CSQ: the objectives of DCH, a stream at a time, and of CSQ."""

import numpy as np
import pytest

from jaxhash.errors import UserError
from jaxhash.losses import csq, dch, transhash, vts16csq
from tests.losses.reference import batch, outputs


@pytest.mark.slow
def test_each_stream_has_the_objective_of_dch_on_its_bits():
    u = outputs()
    rows = batch(u)
    found = transhash.build(streams=4).apply((), rows, rows)[0]
    # Six bits of four streams: 2, 2, 1 and 1.
    parts = [
        rows._replace(u=rows.u[:, start:stop]) for start, stop in ((0, 2), (2, 4), (4, 5), (5, 6))
    ]
    expected = np.mean([dch.build().apply((), part, part)[0] for part in parts], axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    alone = transhash.build(streams=1).apply((), rows, rows)[0]
    np.testing.assert_allclose(alone, dch.build().apply((), rows, rows)[0], rtol=1e-6)


def test_what_cannot_be_is_refused():
    rows = batch(outputs())
    with pytest.raises(UserError, match="loss.transhash.streams=7: model.bits=6 are fewer"):
        transhash.build(streams=7).apply((), rows, rows)
    with pytest.raises(UserError, match="loss.transhash.streams=0"):
        transhash.build(streams=0)
    with pytest.raises(UserError, match="loss.transhash.gamma=0"):
        transhash.build(gamma=0)


def test_vts16csq_is_csq():
    assert vts16csq.build is csq.build
