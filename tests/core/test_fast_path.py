"""The fast path of PyTorch's encoders, held off by several threads at once."""

import threading

import pytest
import torch
from torch import nn

from surfeit.core import fast_path_off

enabled = torch.backends.mha.get_fastpath_enabled


def test_it_is_off_within_and_as_before_after():
    assert enabled()
    with fast_path_off():
        assert not enabled()
        with fast_path_off():
            assert not enabled()
        assert not enabled()
    assert enabled()


def test_it_stays_off_where_it_was_off():
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with fast_path_off():
            assert not enabled()
        assert not enabled()
    finally:
        torch.backends.mha.set_fastpath_enabled(True)


def test_it_is_on_again_after_an_error():
    with pytest.raises(RuntimeError, match="within"), fast_path_off():
        raise RuntimeError("within")
    assert enabled()


def test_the_first_thread_that_leaves_does_not_switch_it_on_for_others():
    entered, left, seen = threading.Event(), threading.Event(), []

    def first():
        with fast_path_off():
            entered.wait()
        left.set()

    thread = threading.Thread(target=first)
    thread.start()
    with fast_path_off():
        entered.set()
        left.wait()
        seen.append(enabled())
    thread.join()
    assert seen == [False]
    assert enabled()


def test_every_layer_of_an_encoder_is_called_then():
    layer = nn.TransformerEncoderLayer(8, 2, 12, batch_first=True).eval()
    called = []
    layer.linear1.register_forward_hook(lambda *_: called.append(1))
    with torch.no_grad(), fast_path_off():
        layer(torch.randn(2, 3, 8))
    assert called
