from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from feature_samples import bundle_for, extraction
from hypothesis import given, settings
from hypothesis import strategies as st

from faster_video.datasets import LabelledVideo, VideoList
from faster_video.features.index import read_index, write_index
from faster_video.features.layout import (
    NETWORKS,
    TEST,
    StoreConfig,
    UnreadableView,
    even_clips,
    read_config,
    view_name,
    write_config,
)
from faster_video.features.shards import LostRecord, ShardRecord, StoredView

names = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8)


@st.composite
def stores(draw: st.DrawFn) -> tuple[StoreConfig, list[LabelledVideo], list[ShardRecord]]:
    """Any store: any views lost, any shard size, clips of any seconds."""
    clips = draw(st.integers(1, 5))
    bundle = bundle_for(["a", "b"], draw(st.sampled_from(["1:0", "0:1", "1:1", "2:3", "first"])), clips)
    videos = [LabelledVideo(Path(name), draw(names)) for name in draw(st.lists(names, min_size=1, max_size=9))]
    data = VideoList(Path("list.csv"), tuple(videos))
    networks = draw(st.sampled_from(["pattern", "both"]))
    views = draw(st.integers(0, 3))
    config = extraction(
        data, Path(), bundle=bundle, views=views, networks=networks, shard_videos=draw(st.integers(1, 4))
    )
    layout, records = config.layout(), []
    for shard in range(layout.num_shards):
        kept: list[StoredView] = []
        lost: list[LostRecord] = []
        for number in layout.shard_videos(shard):
            for view in (TEST, *range(views)):
                if draw(st.booleans()):
                    kept.append(
                        StoredView(number=number, view=view, seconds=[[clip, clip + 0.5] for clip in range(clips)])
                    )
                else:
                    lost.append(LostRecord(number=number, view=view, reason="no"))
        records.append(ShardRecord(sha256=f"{shard}", bytes=shard, views=kept, unreadable=lost))
    return layout, videos, records


@settings(max_examples=40, deadline=None)
@given(store=stores())
def test_the_index_gives_back_every_view_and_its_place(
    tmp_path_factory: pytest.TempPathFactory, store: tuple[StoreConfig, list[LabelledVideo], list[ShardRecord]]
) -> None:
    layout, videos, records = store
    folder = tmp_path_factory.mktemp("index")
    write_index(folder, layout, videos, [video.path.as_posix() for video in videos], records)
    lost = [
        UnreadableView(
            number=record.number,
            video=videos[record.number].path.as_posix(),
            label=videos[record.number].label,
            view=view_name(record.view),
            reason=record.reason,
        )
        for shard in records
        for record in shard.unreadable
    ]
    layout = replace(layout, unreadable=lost)
    write_config(folder, layout)
    assert read_config(folder) == layout
    found, places = read_index(folder, layout)
    assert found == videos
    there = {
        (view.number, view.view): (shard, place)
        for shard, record in enumerate(records)
        for place, view in enumerate(record.views)
    }
    for number in range(len(videos)):
        for view in (TEST, *range(layout.views)):
            shard, place = there.get((number, view), (-1, -1))
            assert places.shard[number, view + 1] == shard
            for network in NETWORKS:
                stored = len(layout.stored_clips(network))
                wanted = place * stored if shard >= 0 and stored else -1
                assert places.first_row[network][number, view + 1] == wanted
    rows = pq.read_table(folder / "index.parquet").to_pylist()
    assert len(rows) == len(there) * sum(len(layout.stored_clips(network)) for network in NETWORKS)
    assert all(row["end_seconds"] == row["clip"] + 0.5 for row in rows)
    assert all(row["backbone_sha256"] == layout.network(row["network"]).sha256 for row in rows)


@given(stored=st.integers(1, 64), wanted=st.integers(1, 64))
def test_evenly_chosen_clips_are_in_order_and_reach_both_ends(stored: int, wanted: int) -> None:
    chosen = even_clips(stored, wanted)
    assert chosen == sorted(chosen)
    assert chosen[0] == 0
    assert wanted == 1 or chosen[-1] == stored - 1
    assert len(set(chosen)) == min(stored, wanted)
