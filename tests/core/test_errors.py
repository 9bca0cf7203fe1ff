"""Names that were mistyped, and the family of errors."""

from surfeit.core import BusyError, StoreError, SurfeitError, unknown


def test_unknown_suggests_the_nearest():
    words = str(unknown("data set", "minst", ["mnist", "digits"]))
    assert words == "no data set 'minst': did you mean 'mnist'? (one of: mnist, digits)"


def test_unknown_lists_all_when_none_is_near():
    assert str(unknown("layer", "zzz", ["fc1", "fc2"])) == "no layer 'zzz': one of fc1, fc2"
    assert str(unknown("layer", "fc1", [])) == "no layer 'fc1': one of none"


def test_unknown_takes_what_is_no_text():
    assert isinstance(unknown("step", 3, ["4"]), ValueError)


def test_busy_is_a_store_error_and_a_surfeit_error():
    assert issubclass(BusyError, StoreError)
    assert issubclass(StoreError, SurfeitError)


def test_the_name_of_a_network_that_is_one_layer_is_seen():
    assert str(unknown("layer", "fc1", [""])) == "no layer 'fc1': one of \"\""


def test_names_that_begin_with_what_was_given_are_suggested_first():
    words = str(unknown("model", "lenet", ["resnet-20", "lenet-300-100"]))
    assert "did you mean 'lenet-300-100' or 'resnet-20'?" in words
    assert "did you mean" not in str(unknown("layer", "b", ["b-one", "b-two"]))
