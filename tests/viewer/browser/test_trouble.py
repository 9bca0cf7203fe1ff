"""What is missing, still written or broken, and a server that goes: the page says it."""

import re

import pytest
from playwright.sync_api import expect

from surfeit.store.lease import Lease
from surfeit.store.run import snapshot_path

from .conftest import served
from .viewing import places

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("built")]


def test_a_run_without_snapshots_is_said_and_the_others_can_be_seen(serve, viewer, store, written):
    bare, whole = written(0, steps=()), written(1)
    address = serve(store)
    viewer.open(address)
    assert viewer.choice("run").input_value() == whole.key
    viewer.choice("run").select_option(bare.key)
    expect(viewer.page.get_by_text("was recorded without snapshots")).to_be_visible()
    viewer.choice("run").select_option(whole.key)
    viewer.shown()
    assert len(places(viewer.saved())) == 6


def test_a_layer_that_is_not_there_is_said_and_a_near_one_shown(serve, viewer, store, written):
    written(0)
    address = serve(store)
    viewer.open(address + "#v=1&layer=fc22")
    expect(viewer.page.get_by_text("has no layer fc22; near it are fc2")).to_be_visible()
    expect(viewer.page.get_by_role("heading", level=1)).to_contain_text("a unit of fc2;")
    viewer.choose("layer", "fc1")
    expect(viewer.page.get_by_text("has no layer fc22")).to_be_hidden()


def test_a_run_that_is_not_there_is_said_and_another_shown(serve, viewer, store, written):
    written(0)
    address = serve(store)
    viewer.open(address + "#v=1&run=0123456789ab&with=ba9876543210")
    expect(viewer.page.get_by_text("There is no run 0123456789ab here")).to_be_visible()
    expect(viewer.page.get_by_text("Run ba9876543210 has no layer like fc1")).to_be_visible()


def test_a_run_that_is_written_is_followed(serve, viewer, store, writing, handmade):
    writer = writing(0, steps=(0, 5))
    address = serve(store)
    with Lease(writer.folder):
        viewer.open(address)
        expect(viewer.choice("run").locator("option")).to_contain_text(["(running)"])
        expect(viewer.status).to_contain_text("epoch 1 of 1 · step 5")
        writer.snapshot(10, handmade(10))
        writer.record({"step": 10, "epoch": 2.0, "train_loss": 0.1})
        expect(viewer.status).to_contain_text("epoch 2 of 2 · step 10")
        viewer.page.keyboard.press("Home")
        expect(viewer.status).to_contain_text("epoch 0 of 2")
        writer.snapshot(15, handmade(15))
        writer.record({"step": 15, "epoch": 3.0, "train_loss": 0.05})
        expect(viewer.status).to_contain_text("epoch 0 of 3")
        expect(viewer.slider).to_have_attribute("max", "3")


def test_the_first_snapshot_of_a_run_appears_by_itself(serve, viewer, store, writing, handmade):
    writer = writing(0, steps=())
    address = serve(store)
    with Lease(writer.folder):
        viewer.page.goto(address)
        expect(
            viewer.page.get_by_text("has no snapshot yet; the first one will appear")
        ).to_be_visible()
        writer.snapshot(0, handmade(0))
        writer.record({"step": 0, "epoch": 0.0, "train_loss": 2.0})
        viewer.shown()
        assert len(places(viewer.saved())) == 6


def test_a_run_that_is_recorded_meanwhile_appears_by_itself(serve, viewer, store, written):
    first = written(0)
    viewer.page.clock.install()
    viewer.open(serve(store))
    second = written(1)
    viewer.page.clock.fast_forward(15_000)
    expect(viewer.choice("run").locator("option")).to_have_count(2)
    expect(viewer.choice("run")).to_have_value(first.key)
    viewer.choice("run").select_option(second.key)
    viewer.shown()


def test_a_broken_snapshot_is_said_and_the_others_can_be_seen(
    serve, viewer, store, written, complaints
):
    run = written(0)
    snapshot = snapshot_path(run.path, 5)
    snapshot.write_bytes(b"this is no snapshot")
    address = serve(store)
    viewer.open(address)
    viewer.slider.fill("1")
    told = viewer.page.get_by_role("region", name="Graph of units").get_by_role("status")
    expect(told).to_contain_text(re.compile("damaged|cannot be read|broken"))
    expect(told).to_contain_text(snapshot.name)
    viewer.slider.fill("2")
    expect(told).to_be_hidden()
    viewer.shown()
    assert len(places(viewer.saved())) == 6
    viewer.slider.fill("0")
    expect(viewer.status).to_contain_text("epoch 0 of 2")
    viewer.shown()
    assert complaints
    assert all("the server responded with a status of 409" in one for one in complaints)
    complaints.clear()


def test_a_broken_run_is_said_and_the_others_can_be_seen(serve, viewer, store, written):
    written(0)
    broken = written(1)
    (broken.path / "run.json").write_text("{")
    address = serve(store)
    viewer.open(address)
    viewer.page.get_by_text(re.compile(r"^1 \w+ could not be (opened|read)")).click()
    expect(viewer.page.get_by_role("listitem").filter(has_text=broken.key)).to_be_visible()


def test_a_server_that_stops_is_said_and_found_again(viewer, store, written, complaints):
    written(0)
    with served(store) as (address, port):
        viewer.open(address)
    viewer.slider.fill("1")
    gone = viewer.page.get_by_role("alert")
    expect(gone).to_contain_text("The server has stopped; start `surfeit view` again.")
    with served(store, port=port):
        gone.get_by_role("button", name="Try again").click()
        expect(gone).to_be_hidden()
        expect(viewer.status).to_contain_text("epoch 1 of 2")
        viewer.shown()
    assert all("ERR_CONNECTION_REFUSED" in one for one in complaints)
    complaints.clear()


def test_without_the_token_nothing_is_shown(serve, page, store, written, complaints):
    run = written(0)
    address = serve(store)
    page.goto(address.partition("?")[0])
    expect(page.get_by_text("open the whole address that 'surfeit view' printed")).to_be_visible()
    assert run.key[:12] not in page.content()
    assert all("status of 40" in one for one in complaints)
    complaints.clear()
