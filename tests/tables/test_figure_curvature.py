"""The figure of a Hessian's eigenvalues, from planted tables."""

import numpy as np
import pyarrow as pa
import pytest

from surfeit.tables.figures import curvature

AT = np.linspace(-1.0, 6.0, 200)


def tables(*, converged=(True, True, False)):
    density = np.exp(-((AT / 0.1) ** 2) / 2) / (0.1 * np.sqrt(2 * np.pi))
    eigenvalues = pa.table({"eigenvalue": [5.0, 2.0, -0.4], "converged": list(converged)})
    columns = {"eigenvalue": AT, "density": density, "standard_error": 0.1 * density}
    return eigenvalues, pa.table(columns)


def test_outliers_and_density_are_drawn_where_they_are():
    drawing = curvature.figure(*tables(), matrix="Hessian", size=1000)
    (panel,) = drawing.axes
    (line,) = panel.get_lines()
    assert line.get_xdata() == pytest.approx(AT)
    marks = {one.get_label(): one.get_offsets()[:, 0].tolist() for one in panel.collections[1:]}
    assert marks == {"found one by one": [5.0, 2.0], "not converged": [-0.4]}
    assert panel.get_title(loc="left") == "The 1,000 eigenvalues of the Hessian"
    low, high = panel.get_ylim()
    bump = 1 / (1000 * 0.0636 * np.sqrt(2 * np.pi))
    assert 0 < low < bump < high
    assert panel.get_yscale() == "log"
    drawing.draw_without_rendering()


def test_what_is_not_there_has_no_word_in_the_legend():
    drawing = curvature.figure(*tables(converged=(True, True, True)), matrix="Hessian", size=1000)
    words = [text.get_text() for text in drawing.legends[0].get_texts()]
    assert "not converged" not in words
    assert "found one by one" in words
