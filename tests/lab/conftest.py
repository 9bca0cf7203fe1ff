"""What the tests of the lab share: the guide's study as a file, and a lab in this process."""

import pytest

from surfeit.execute import InProcess
from surfeit.lab import Lab
from surfeit.store import Store

from .files import written_to


@pytest.fixture
def lab(tmp_path) -> Lab:
    return Lab(Store(tmp_path / "store"), engine=InProcess())


@pytest.fixture
def mine(tmp_path):
    """Writes a study's file, the guide's with some texts replaced; gives its path."""
    with written_to(tmp_path) as write:
        yield write
