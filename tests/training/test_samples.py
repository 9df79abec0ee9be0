from collections import Counter
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_samples import small_recipe, write_small_set

from faster_video.config import StageConfig
from faster_video.datasets import LabelledVideo, VideoList, read_list
from faster_video.training.batches import Batches
from faster_video.training.samples import Batch, Sample, SampleKey, TrainingClips, Unreadable, collate


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> VideoList:
    return read_list(write_small_set(tmp_path_factory.mktemp("set") / "motion") / "train.csv")


def samples_of(videos: VideoList, *, num_clips: int = 3, seed: int = 0) -> TrainingClips:
    recipe = small_recipe()
    return TrainingClips(
        videos.videos, videos.labels, clips=recipe.clips, num_clips=num_clips, transform=recipe.transform, seed=seed
    )


def read(samples: TrainingClips, key: SampleKey) -> Sample:
    sample = samples[key]
    assert isinstance(sample, Sample)
    return sample


def test_the_seed_and_the_key_fix_the_pixels(videos: VideoList) -> None:
    key = SampleKey(epoch=3, video=5, view=1)
    assert torch.equal(read(samples_of(videos), key).clips, read(samples_of(videos), key).clips)


def test_frames_kept_in_a_folder_give_the_same_pixels(videos: VideoList, tmp_path: Path) -> None:
    recipe = small_recipe()
    kept = TrainingClips(
        videos.videos,
        videos.labels,
        clips=recipe.clips,
        num_clips=3,
        transform=recipe.transform,
        seed=0,
        frame_cache=tmp_path / "frames",
    )
    for epoch in range(3):
        key = SampleKey(epoch, 5, 0)
        assert torch.equal(read(kept, key).clips, read(samples_of(videos), key).clips)
    assert len(list((tmp_path / "frames").iterdir())) == 1


@pytest.mark.parametrize("other", [SampleKey(4, 5, 1), SampleKey(3, 6, 1), SampleKey(3, 5, 0)])
def test_another_epoch_video_or_view_gives_other_pixels(videos: VideoList, other: SampleKey) -> None:
    samples = samples_of(videos)
    assert not torch.equal(read(samples, SampleKey(3, 5, 1)).clips, read(samples, other).clips)


def test_another_seed_gives_other_pixels(videos: VideoList) -> None:
    key = SampleKey(0, 0, 0)
    assert not torch.equal(read(samples_of(videos), key).clips, read(samples_of(videos, seed=1), key).clips)


def test_a_sample_is_n_clips_of_bytes_with_the_number_of_its_label(videos: VideoList) -> None:
    sample = read(samples_of(videos, num_clips=4), SampleKey(0, 7, 0))
    assert sample.clips.shape == (4, 3, 8, 32, 32)
    assert sample.clips.dtype == torch.uint8
    assert videos.labels[sample.label] == videos.videos[7].label


def test_a_broken_video_is_named_and_not_replaced(tmp_path: Path, videos: VideoList) -> None:
    broken = tmp_path / "broken.mp4"
    broken.write_text("no video")
    mixed = VideoList(videos.source, (*videos.videos[:2], LabelledVideo(broken, videos.labels[0])))
    samples = samples_of(mixed)
    batch = collate([samples[SampleKey(0, video, 0)] for video in range(3)])
    assert isinstance(batch, Batch)
    assert len(batch.labels) == 2
    assert [video.path for video in batch.unreadable] == [broken]
    assert str(broken) in batch.unreadable[0].reason


def test_a_batch_of_broken_videos_is_the_list_of_them() -> None:
    lost = [Unreadable(Path("a.mp4"), "gone"), Unreadable(Path("b.mp4"), "gone")]
    assert collate(list(lost)) == lost


sizes = st.integers(1, 40)


@given(videos=sizes, batch=sizes, views=st.integers(1, 3), epochs=st.integers(1, 4), seed=st.integers(0, 9))
def test_an_epoch_holds_every_key_at_most_once_and_only_the_last_part_batch_is_missing(
    videos: int, batch: int, views: int, epochs: int, seed: int
) -> None:
    config = StageConfig(epochs=epochs, warmup_epochs=0, batch_size=batch, views_per_video=views)
    batches = Batches(videos, config, seed=seed)
    steps = list(batches)
    assert len(steps) == len(batches) == batches.total_steps
    for epoch in range(epochs):
        keys = [key for step in steps for key in step if key.epoch == epoch]
        assert max(Counter(keys).values()) == 1
        assert videos * views - len(keys) < batch
        assert {len(step) for step in steps} == {min(batch, videos * views)}


@given(first=st.integers(0, 30), seed=st.integers(0, 9))
def test_going_on_at_a_step_gives_what_was_still_to_come(first: int, seed: int) -> None:
    config = StageConfig(epochs=5, warmup_epochs=0, batch_size=4)
    assert list(Batches(24, config, seed=seed, first_step=first)) == list(Batches(24, config, seed=seed))[first:]


def test_the_order_changes_from_epoch_to_epoch() -> None:
    config = StageConfig(epochs=2, warmup_epochs=0, batch_size=24)
    first, second = Batches(24, config, seed=0)
    assert [key.video for key in first] != [key.video for key in second]
