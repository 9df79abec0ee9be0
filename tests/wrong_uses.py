"""Wrong uses of the command line, one line each: what is wrong, the command, its exit code, its whole message.

`python tests/wrong_uses.py` runs them all and prints what is said; `tests/test_cli.py` checks it.
"""

import os
import shlex
import shutil
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from model_samples import small_bundle

from faster_video.bundle import load_bundle, save_bundle
from faster_video.cli import main
from faster_video.video import write_video


@dataclass(frozen=True, slots=True)
class WrongUse:
    """A command given in the folder that `make_place` fills."""

    what: str
    command: str
    sentence: str
    """After `faster-video: error: `; `…` stands for anything."""
    exit_code: int = 2


NO_VIDEO = "not a video file that can be read, or cut off before its header is complete (…)"
NO_BUNDLE = "a bundle is a folder with config.json and model.safetensors"
NO_PATTERN = "write it E:C with whole numbers that are not both 0, such as 1:3 (…), or 'first'"
NO_PLACE = "cannot write the videos there: Not a directory"
DAMAGED = "is damaged or belongs to another config.json (…); copy the bundle again, both files together"
HELP = "see faster-video"
COMMANDS = (
    "choose one of classify, stream, serve, evaluate, train, distill, extract, calibrate, gate, plan, export, "
    "reproduce, backbones, fetch, cost, benchmark, make-motion, data, push"
)
NO_SPLITS = (
    "but is not a folder that holds several; give the folder of the lists of UCF-101 or HMDB-51, or write {split} in "
    "LIST, as in test-{split}.csv"
)
NETWORKS = "choose one of c2d_r50, …, x3d_xs"
RECIPES = "choose one of faster16, faster32, finetune, frozen, frozen_average, long_motion, motion, tiny"

WRONG_USES = [
    WrongUse("no command", "", f"no command is given; {COMMANDS}"),
    WrongUse("unknown command", "clasify a.mp4", f"unknown command 'clasify'; {COMMANDS}"),
    WrongUse("unknown option", "--verbose", f"unknown argument --verbose; {HELP} COMMAND --help"),
    # classify
    WrongUse("no file given", "classify", f"not given: PATH, or --list FILE; {HELP} classify --help"),
    WrongUse(
        "no such precision",
        "classify a.mp4 --precision int4",
        "unknown precision 'int4'; choose one of bf16, float32, int8",
    ),
    WrongUse(
        "int8 without videos to calibrate with",
        "classify a.mp4 --bundle bundle --precision int8",
        "precision is int8, which needs sample videos; name a folder of videos like those to come with --calibrate",
    ),
    WrongUse(
        "videos to calibrate with and no int8",
        "classify a.mp4 --bundle bundle --calibrate .",
        "calibrate is '.', which is for the precision int8, and precision is 'float32'; leave one of them out",
    ),
    WrongUse(
        "folder to calibrate with missing",
        "classify a.mp4 --bundle bundle --precision int8 --calibrate none",
        "none: no such folder; int8 needs one of videos like those to come",
    ),
    WrongUse(
        "processes no number", "classify a.mp4 --processes two", "--processes is 'two'; it must be a whole number"
    ),
    WrongUse("no processes", "classify a.mp4 --bundle bundle --processes 0", "processes is 0; it must be at least 1"),
    WrongUse("missing file", "classify none.mp4 --bundle bundle", "none.mp4: No such file or directory"),
    WrongUse("text renamed to .mp4", "classify text.mp4 --bundle bundle", f"text.mp4: {NO_VIDEO}"),
    WrongUse("empty file", "classify empty.mp4 --bundle bundle", "empty.mp4: the file is empty"),
    WrongUse("cut off video", "classify cut.mp4 --bundle bundle", "cut.mp4: …"),
    WrongUse(
        "folder without videos",
        "classify bundle --bundle bundle",
        "bundle: no video in this folder or below it; looked for files ending in …",
    ),
    WrongUse(
        "odd name", "classify 'a\nb\x1b[31m.mp4' --bundle bundle", "a\\nb\\x1b[31m.mp4: No such file or directory"
    ),
    WrongUse(
        "one bad file among good ones",
        "classify wave/0.mp4 none.mp4 --bundle bundle",
        "none.mp4: No such file or directory",
        exit_code=1,
    ),
    WrongUse("missing bundle", "classify wave/0.mp4 --bundle none", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse(
        "bundle without weights",
        "classify wave/0.mp4 --bundle weightless",
        "weightless: is not a bundle: it has no model.safetensors",
    ),
    WrongUse("bundle is a video", "classify wave/0.mp4 --bundle wave/0.mp4", f"wave/0.mp4: is a file; {NO_BUNDLE}"),
    WrongUse("damaged weights", "classify wave/0.mp4 --bundle damaged", f"damaged/model.safetensors: {DAMAGED}"),
    WrongUse(
        "no JSON", "classify wave/0.mp4 --bundle garbled", "garbled/config.json: is not readable as JSON: Expecting …"
    ),
    WrongUse("pattern 1:-1", "classify wave/0.mp4 --bundle bundle --pattern 1:-1", f"pattern is '1:-1'; {NO_PATTERN}"),
    WrongUse("pattern 0:0", "classify wave/0.mp4 --bundle bundle --pattern 0:0", f"pattern is '0:0'; {NO_PATTERN}"),
    WrongUse("pattern without value", "classify wave/0.mp4 --pattern", "--pattern is given without a value"),
    WrongUse(
        "unknown device",
        "classify wave/0.mp4 --bundle bundle --device tpu",
        "unknown device 'tpu'; choose one of auto, cpu, cuda, cuda:0, cuda:1, …",
    ),
    WrongUse("top 0", "classify wave/0.mp4 --bundle bundle --top 0", "--top is 0; it must be at least 1"),
    WrongUse(
        "top five", "classify wave/0.mp4 --bundle bundle --top five", "--top is 'five'; it must be a whole number"
    ),
    WrongUse(
        "two kinds of JSON",
        "classify wave/0.mp4 --bundle bundle --json --jsonl",
        "--json and --jsonl are both given; choose one",
    ),
    WrongUse("flag with a value", "classify wave/0.mp4 --json=yes", "--json is given the value 'yes', but takes none"),
    WrongUse(
        "plot is no picture",
        "classify wave/0.mp4 --bundle bundle --plot timeline.doc",
        "timeline.doc: the picture's name must end in one of .jpg, .pdf, .png, .svg, .webp",
    ),
    WrongUse(
        "plot is nameless",
        "classify wave/0.mp4 --bundle bundle --plot ''",
        ".: is a folder; name a picture file in it, such as plot.png",
    ),
    WrongUse(
        "plot in no folder",
        "classify wave/0.mp4 --bundle bundle --plot text.mp4/a.png",
        "text.mp4/a.png: cannot write the picture there: Not a directory",
    ),
    WrongUse(
        "plot where nothing is written",
        "evaluate bundle list.csv --plot /proc/x.png",
        "/proc/x.png: cannot write the picture there: …",
    ),
    WrongUse(
        "one empty folder among good files",
        "classify bundle wave/0.mp4 --bundle bundle",
        "bundle: no video in this folder or below it; looked for files ending in …",
        exit_code=1,
    ),
    # classify --out and --cluster
    WrongUse(
        "list of files missing",
        "classify --list none.txt --bundle bundle",
        "--list is none.txt, which cannot be read: No such file or directory",
    ),
    WrongUse(
        "list of no files",
        "classify --list empty.mp4 --bundle bundle",
        "empty.mp4: lists nothing; each line must be a path or an address of a video",
    ),
    WrongUse("list of files is a video", "classify --list wave/0.mp4", "wave/0.mp4: is not a text file in UTF-8: …"),
    WrongUse(
        "address on the terminal",
        "classify http://127.0.0.1/a.mp4 --bundle bundle",
        "http://127.0.0.1/a.mp4: is an address, which is fetched only for --out FOLDER; give that, too",
    ),
    WrongUse(
        "address of no protocol",
        "classify gopher://127.0.0.1/a.mp4 --bundle bundle --out predictions",
        "gopher://127.0.0.1/a.mp4: fsspec knows no protocol 'gopher'; give a path, or an address such as s3://…, "
        "gs://… or https://…",
    ),
    WrongUse(
        "address whose plug-in is missing",
        "classify oci://bucket/a.mp4 --bundle bundle --out predictions",
        "oci://bucket/a.mp4: for oci:// fsspec needs the package ocifs, which is not installed; run pip install ocifs",
    ),
    WrongUse(
        "predictions in two places",
        "classify wave/0.mp4 --bundle bundle --out predictions --jsonl",
        "--out and --jsonl are both given; choose one",
    ),
    WrongUse(
        "predictions among other things",
        "classify wave/0.mp4 --bundle bundle --out wave",
        "wave: is there already and holds no predictions; choose a new folder",
    ),
    WrongUse(
        "predictions below a file",
        "classify wave/0.mp4 --bundle bundle --out text.mp4/predictions",
        "text.mp4/predictions: cannot write the predictions there: Not a directory; …",
    ),
    WrongUse(
        "predictions of no engine",
        "classify wave/0.mp4 --bundle bundle --out predictions --engine steam",
        "unknown engine 'steam'; choose one of auto, …",
    ),
    WrongUse(
        "retry of nothing",
        "classify wave/0.mp4 --bundle bundle --retry_failed",
        "--retry_failed is given, but --out is not; name the folder that holds the predictions",
    ),
    WrongUse(
        "cluster without a folder",
        "classify wave/0.mp4 --bundle bundle --cluster local",
        "--cluster is given, but --out is not; name the folder for the predictions with --out",
    ),
    WrongUse(
        "cluster at no address",
        "classify wave/0.mp4 --bundle bundle --out predictions --cluster nowhere",
        "--cluster is 'nowhere'; give local (this machine), auto (the cluster that this machine is part of), HOST:PORT "
        "or ray://HOST:PORT",
    ),
    WrongUse(
        "cluster that does not answer",
        "classify wave/0.mp4 --bundle bundle --out predictions --cluster 127.0.0.1:1",
        "--cluster is '127.0.0.1:1', where nothing answers: Connection refused; …",
    ),
    WrongUse(
        "workers without a cluster",
        "classify wave/0.mp4 --bundle bundle --workers 2",
        "--workers is 2, which is for --cluster; leave it out, or share files out among --processes",
    ),
    WrongUse(
        "processes on a cluster",
        "classify wave/0.mp4 --bundle bundle --out predictions --cluster local --processes 2",
        "--processes is 2, but --cluster has --workers; leave --processes out",
    ),
    # serve
    WrongUse("serve no bundle", "serve none", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse("port no number", "serve bundle --port http", "--port is 'http'; it must be a whole number"),
    WrongUse("port too large", "serve bundle --port 70000", "port is 70000; it must be at most 65535"),
    WrongUse(
        "serve everybody without a token",
        "serve bundle --host 0.0.0.0",
        "host is '0.0.0.0', which other machines may reach, and there is no token; give --token_file, or --open_to_all "
        "to serve whoever comes",
    ),
    WrongUse(
        "no token in the file",
        "serve bundle --token_file empty.mp4",
        "token is empty or has characters that a header cannot hold; use letters and digits",
    ),
    WrongUse(
        "no token file",
        "serve bundle --token_file none",
        "none: the token cannot be read from there (No such file or directory)",
    ),
    WrongUse("served root is no folder", "serve bundle --root none", "root is 'none', which is no folder"),
    WrongUse("no queue", "serve bundle --queue -1", "queue is -1; it must be at least 0"),
    WrongUse(
        "an address of another machine",
        "serve bundle --host 192.0.2.1 --open_to_all",
        "cannot listen at 192.0.2.1 port 8000 (Cannot assign requested address); name others with --host and --port",
    ),
    WrongUse("rule of the server is none", "serve bundle --stop_when soon", "stop is 'soon'; …"),
    # stream
    WrongUse("no source given", "stream", f"not given: SOURCE; {HELP} stream --help"),
    WrongUse("stream of no file", "stream none.mp4 --bundle bundle", "none.mp4: No such file or directory"),
    WrongUse("stream of text", "stream text.mp4 --bundle bundle", f"text.mp4: {NO_VIDEO}"),
    WrongUse(
        "patience in words",
        "stream wave/0.mp4 --bundle bundle --timeout_seconds soon",
        "--timeout_seconds is 'soon'; it must be a number",
    ),
    WrongUse("window without value", "stream wave/0.mp4 --window_seconds", "--window_seconds is given without a value"),
    WrongUse(
        "stream with an option of classify",
        "stream wave/0.mp4 --top 3",
        f"unknown argument --top; {HELP} stream --help",
    ),
    # evaluate
    WrongUse("no list given", "evaluate bundle", f"not given: LIST; {HELP} evaluate --help"),
    WrongUse(
        "missing list",
        "evaluate bundle none.csv",
        "none.csv: does not exist; give a folder of class folders, a file of path,label or path label, or a list of "
        "Kinetics, UCF-101 or HMDB-51",
    ),
    WrongUse(
        "empty list",
        "evaluate bundle empty.csv",
        "empty.csv: lists no videos; each line must be path,label or path label",
    ),
    WrongUse(
        "malformed list",
        "evaluate bundle malformed.csv",
        "malformed.csv, line 2: is 'wave/1.mp4'; each line must be path,label",
    ),
    WrongUse("list is a video", "evaluate bundle wave/0.mp4", "wave/0.mp4: is not a text file in UTF-8: …"),
    WrongUse(
        "folder without labels",
        "evaluate bundle wave",
        "wave: holds no labelled videos; it must have one folder per label with video files in it (…)",
    ),
    WrongUse(
        "labels that do not match",
        "evaluate bundle strange.csv",
        "labels that do not match: the list has 'hug', which the bundle does not know; it knows 'wave', 'jump', 'sit'",
    ),
    WrongUse(
        "no readable video",
        "evaluate bundle unreadable.csv",
        "unreadable.csv: none of its 2 videos could be read; the first: none.mp4: No such file or directory",
    ),
    WrongUse(
        "malformed list with spaces",
        "evaluate bundle spaced.txt",
        "spaced.txt, line 2: is 'wave/1.mp4'; each line must be path label",
    ),
    WrongUse(
        "no video on disk",
        "evaluate bundle list.csv --root weightless",
        "list.csv: none of its 4 videos is on disk; the first should be weightless/wave/0.mp4; give the folder under "
        "which they lie with --root",
    ),
    WrongUse(
        "root is no folder",
        "evaluate bundle list.csv --root none",
        "--root is none, which is no folder; give the one under which the videos lie",
    ),
    WrongUse(
        "root of a folder",
        "evaluate bundle ucf/videos --root wave",
        "ucf/videos: is the folder of the videos itself, but --root is wave; leave it out",
    ),
    WrongUse(
        "Kinetics without labels",
        "evaluate bundle secret.csv",
        "secret.csv: has no column label, as the test lists that keep their labels secret; there is nothing to train "
        "or to evaluate on, give the train or the validation list",
    ),
    WrongUse(
        "Kinetics without seconds",
        "evaluate bundle timeless.csv",
        "timeless.csv: has the columns label, youtube_id, split; a Kinetics list must also have time_start, time_end",
    ),
    WrongUse(
        "Kinetics with a time in words",
        "evaluate bundle late.csv",
        "late.csv, line 2: time_start is 'ten'; it must be a whole second",
    ),
    WrongUse(
        "split of a list without splits",
        "evaluate bundle list.csv --split 2",
        "list.csv: has no official splits, but --split is 2; leave it out, or give the lists of UCF-101 or HMDB-51",
    ),
    WrongUse(
        "split that is not there",
        "evaluate bundle ucf --split 4",
        "ucf: has no testlist04.txt for split 4; it has testlist01.txt, testlist02.txt",
    ),
    WrongUse("split 0", "evaluate bundle ucf --split 0", "--split is 0; it must be at least 1"),
    WrongUse(
        "list of another split",
        "evaluate bundle ucf/testlist02.txt --split 1",
        "ucf/testlist02.txt: is of split 2, but --split is 1; give the folder of the lists, or leave out --split",
    ),
    WrongUse(
        "list of classes",
        "evaluate bundle ucf/classInd.txt",
        "ucf/classInd.txt: names the classes, not the videos; give trainlist01.txt, or the folder of the lists",
    ),
    WrongUse(
        "number that contradicts",
        "evaluate bundle contradiction/trainlist01.txt",
        "contradiction/trainlist01.txt, line 2: is 'wave/1.mp4 2'; line 1 gives wave the number 1, so one of the two "
        "must be corrected",
    ),
    WrongUse(
        "number that HMDB-51 does not have",
        "evaluate bundle hmdb",
        "hmdb/wave_test_split1.txt, line 1: is '0.mp4 3'; each line must be VIDEO.avi and 0 (not in this split), 1 "
        "(train) or 2 (test)",
    ),
    WrongUse(
        "one bundle for all splits",
        "evaluate bundle ucf --splits 1 2",
        "BUNDLE is 'bundle' for all splits, but one trained on split 1 has seen test videos of split 2; train one on "
        "each split and write {split} in its place, as in runs/ucf-{split}/bundle",
    ),
    WrongUse(
        "one bundle copied for all splits",
        "evaluate split{split} ucf --splits 1 2",
        "the bundles of splits 1 and 2 have the same weights; a bundle trained on split 1 has seen test videos of "
        "split 2, so that each split needs one of its own",
    ),
    WrongUse(
        "split without bundle",
        "evaluate split{split} ucf --splits 2 3",
        "ucf: has no testlist03.txt for split 3; it has testlist01.txt, testlist02.txt",
    ),
    WrongUse(
        "splits of a list without splits",
        "evaluate split{split} list.csv --splits 1 2",
        f"LIST is 'list.csv' for all splits, {NO_SPLITS}",
    ),
    WrongUse(
        "splits of a list of one split",
        "evaluate split{split} ucf/testlist01.txt --splits 1 2",
        f"LIST is 'ucf/testlist01.txt' for all splits, {NO_SPLITS}",
    ),
    WrongUse(
        "splits of one folder of features",
        "evaluate split{split} features --splits 1 2",
        f"LIST is 'features' for all splits, {NO_SPLITS}",
    ),
    WrongUse(
        "bundles of splits without splits",
        "evaluate split{split} ucf",
        "BUNDLE is 'split{split}', but --splits is not given; say which, as in --splits 1 2 3",
    ),
    WrongUse(
        "lists of splits without splits",
        "evaluate bundle ucf/testlist0{split}.txt",
        "LIST is 'ucf/testlist0{split}.txt', but --splits is not given; say which, as in --splits 1 2 3",
    ),
    WrongUse(
        "a single split",
        "evaluate split{split} ucf --splits 1",
        "--splits is 1; it must be two or more different ones, such as 1 2 3 (--split takes one)",
    ),
    WrongUse(
        "splits and split",
        "evaluate split{split} ucf --splits 1 2 --split 1",
        "--split and --splits are both given; choose one",
    ),
    WrongUse(
        "splits in words", "evaluate split{split} ucf --splits one", "--splits is 'one'; it must be a whole number"
    ),
    WrongUse(
        "another aggregator",
        "evaluate bundle list.csv --aggregator lstm",
        "aggregator is 'lstm'; this bundle was trained with 'fast_gru', and besides that only 'average' needs no "
        "training",
    ),
    WrongUse(
        "evaluation on a cluster without a folder",
        "evaluate bundle list.csv --cluster local",
        "--cluster is given, but --out is not; name the folder for the predictions with --out",
    ),
    WrongUse(
        "folder for predictions of several bundles",
        "evaluate split{split} ucf --splits 1 2 --out predictions",
        "--out and --splits are both given, but a folder holds one bundle's predictions; leave one out",
    ),
    WrongUse(
        "predictions from features",
        "evaluate bundle features --out predictions",
        "--out is predictions, but features is a folder of features, which no video is read for; leave it out",
    ),
    # train
    WrongUse(
        "nothing to train on",
        "train --out run",
        "neither is given of --data LIST and --features STORE; training needs one of them",
    ),
    WrongUse(
        "no bundle to start from",
        "train --data list.csv --out run --finetune none",
        f"none: does not exist; {NO_BUNDLE}",
    ),
    WrongUse(
        "fine-tuning another aggregator",
        "train --data list.csv --out run --finetune bundle --model.aggregator gru",
        "model.aggregator is gru, but the bundle to start from has fast_gru; leave it as the bundle has it",
    ),
    WrongUse(
        "more GPUs than there are",
        "train --data list.csv --out run --device cuda --devices 64",
        "…",
    ),
    WrongUse(
        "a batch that cannot be shared out",
        "train --data list.csv --out run --devices 3",
        "stage1_expensive.batch_size is 8; for 3 processes with accumulate 1 it must be a multiple of 3",
    ),
    WrongUse(
        "another list than the hash stands for",
        "train --data list.csv --out run --data_sha256 beef",
        "list.csv: its videos on disk have the hash …, but data_sha256 is beef: …",
    ),
    WrongUse(
        "smoothing away the whole label",
        "train --data list.csv --out run --stage2.label_smoothing 1",
        "label_smoothing is 1.0; it must be at least 0 and below 1",
    ),
    WrongUse(
        "resume of nothing",
        "train --data list.csv --out none --resume",
        "none: holds no run (run.json is missing); leave out --resume to start one",
    ),
    WrongUse("unknown recipe", "train --data list.csv --out run --recipe huge", f"unknown recipe 'huge'; {RECIPES}"),
    WrongUse(
        "L = 7",
        "train --data list.csv --out run --clips.frames_per_clip 7",
        "frames_per_clip is 7; the backbones shorten time by 8, so it must be a multiple of 8, such as 8, 16 or 32",
    ),
    WrongUse(
        "L in words",
        "train --data list.csv --out run --clips.frames_per_clip eight",
        "--clips.frames_per_clip is 'eight'; it must be a whole number",
    ),
    WrongUse(
        "one number for two",
        "train --data list.csv --out run --transform.train_short_side [128]",
        "--transform.train_short_side is [128]; it must be a list of 2 numbers",
    ),
    WrongUse(
        "no such setting",
        "train --data list.csv --out run --clips.length 8",
        f"unknown argument --clips.length; {HELP} train --help",
    ),
    WrongUse(
        "unknown backbone",
        "train --data list.csv --out run --model.cheap.name vit",
        "unknown backbone 'vit'; choose one of c2d_r50, …",
    ),
    WrongUse(
        "a name for a group of settings",
        "train --data list.csv --out run --model.cheap r2d26",
        "--model.cheap is 'r2d26'; set what is in it one by one, as --model.cheap.… with a value",
    ),
    WrongUse(
        "a class with one video",
        "train --data single.csv --out run",
        "single.csv: label 'jump' has only one video; add others of it, or take its line out of the list",
    ),
    WrongUse(
        "a single class",
        "train --data oneclass.csv --out run",
        "oneclass.csv: has only the label 'wave'; at least two are needed",
    ),
    WrongUse(
        "unwritable output",
        "train --data list.csv --out text.mp4/run",
        "text.mp4/run: cannot write the run there: Not a directory",
    ),
    WrongUse(
        "output taken",
        "train --data list.csv --out wave",
        "wave: is not empty; add --resume to go on with the run in it, or choose another folder",
    ),
    WrongUse(
        "unknown precision",
        "train --data list.csv --out run --precision 8",
        "unknown precision '8'; choose one of 16-mixed, 32-true, bf16-mixed",
    ),
    WrongUse(
        "missing config file",
        "train --data list.csv --out run --config none.yaml",
        "--config is '…/none.yaml', where there is no file; give a YAML file of options",
    ),
    WrongUse(
        "unknown setting in the config file",
        "train --data list.csv --out run --config unknown.yaml",
        f"unknown option clips.length; {HELP} train --help",
    ),
    WrongUse(
        "config file is no YAML",
        "train --data list.csv --out run --config text.mp4",
        "the --config file holds 'This is text.'; it must be lines of NAME: VALUE",
    ),
    WrongUse(
        "pattern without quotes in YAML",
        "train --data list.csv --out run --config unquoted.yaml",
        "--model.pattern is '67'; it must be text; YAML takes 1:7 for a number of minutes unless it is written '1:7'",
    ),
    WrongUse(
        "config file is a video",
        "train --data list.csv --out run --config wave/0.mp4",
        "the --config file is not text: …",
    ),
    WrongUse(
        "backbones of other labels",
        "train --data list.csv --out run --backbones none",
        f"none: does not exist; {NO_BUNDLE}",
    ),
    # export
    WrongUse("no bundle given to export", "export", f"not given: BUNDLE; {HELP} export --help"),
    WrongUse("missing bundle to export", "export none", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse(
        "no such format",
        "export bundle --format tflite",
        "unknown format 'tflite'; choose one of onnx, openvino, torch-export",
    ),
    WrongUse(
        "graphs where videos are",
        "export bundle --format torch-export --out wave",
        "wave: holds '0.mp4', which is no part of exported graphs and would be lost; choose a new folder with --out",
    ),
    WrongUse(
        "graphs where a file is",
        "export bundle --format torch-export --out text.mp4",
        "text.mp4: is a file; graphs are written to a folder, so choose another name",
    ),
    WrongUse(
        "graphs in no folder",
        "export bundle --format torch-export --out text.mp4/graphs",
        "text.mp4/graphs: cannot write the graphs there: Not a directory",
    ),
    # extract
    WrongUse("no store given", "extract bundle list.csv", f"not given: --out STORE; {HELP} extract --help"),
    WrongUse(
        "unknown networks",
        "extract bundle list.csv --out store --networks all",
        "unknown networks 'all'; choose one of both, pattern",
    ),
    WrongUse("views below 0", "extract bundle list.csv --out store --views -1", "views is -1; it must be at least 0"),
    WrongUse(
        "store taken",
        "extract bundle list.csv --out wave",
        "wave: is there already and not an empty folder; choose a new one",
    ),
    WrongUse(
        "store below a file",
        "extract bundle list.csv --out text.mp4/store",
        "text.mp4/store: cannot write the store there: Not a directory",
    ),
    WrongUse(
        "store of a cluster that does not answer",
        "extract bundle list.csv --out store --cluster ray://127.0.0.1:1",
        "--cluster is 'ray://127.0.0.1:1', where nothing answers: Connection refused; …",
    ),
    WrongUse("missing bundle to extract", "extract none list.csv --out store", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse(
        "pattern of no clips to extract",
        "extract bundle list.csv --out store --pattern 0:0",
        f"pattern is '0:0'; {NO_PATTERN}",
    ),
    WrongUse(
        "features of another model",
        "evaluate bundle features",
        "features: holds features of another model, but this bundle's backbone is 'r2plus1d50'; train one on them "
        "first",
    ),
    WrongUse(
        "root of features",
        "evaluate bundle features --root wave",
        "--root is wave, but features is a folder of features, which no video is read for; leave it out",
    ),
    WrongUse(
        "split of features",
        "evaluate bundle features --split 2",
        "--split is 2, but features is a folder of features, which no video is read for; leave it out",
    ),
    WrongUse(
        "store that is not complete",
        "evaluate bundle unfinished",
        "unfinished/store.json: is not a feature store's settings: …; extract again into a new folder",
    ),
    # reproduce
    WrongUse(
        "nothing to reproduce",
        "reproduce",
        f"not given: EXPERIMENT, --data LIST, --out DIR; {HELP} reproduce --help",
    ),
    WrongUse(
        "unknown experiment",
        "reproduce table7 --data list.csv --out run",
        "unknown experiment 'table7'; choose one of figure3, figure4, table2, table3, table4, table5, table6, table8",
    ),
    WrongUse("no jobs", "reproduce table3 --data list.csv --out run --jobs 0", "--jobs is 0; it must be at least 1"),
    WrongUse(
        "file in the place of decoded frames",
        "reproduce table3 --data list.csv --out run --frame_cache text.mp4",
        "frame_cache is text.mp4; it must be a folder that can be written (File exists)",
    ),
    WrongUse("no seeds", "reproduce table3 --data list.csv --out run --seeds 0", "--seeds is 0; it must be at least 1"),
    WrongUse(
        "experiment on a list without parts",
        "reproduce table3 --data list.csv --out run",
        "list.csv: has no test part; give one with --test LIST, or hold out a part of it with --validation_share 0.2",
    ),
    WrongUse(
        "judged on what it has learned",
        "reproduce table3 --data list.csv --test oneclass.csv --out run",
        "oneclass.csv: 2 of its videos, such as wave/0.mp4, are training videos too; a network must not be judged on "
        "what it has learned from",
    ),
    WrongUse(
        "too few videos to hold some out",
        "reproduce table3 --data list.csv --validation_share 0.2 --out run",
        "list.csv: label 'wave' has only 2 training videos; to hold out a part and learn from the rest, every label "
        "needs three",
    ),
    WrongUse(
        "clips that the paper has not",
        "reproduce table2 --data list.csv --out run --frames 24",
        "--frames is 24; the paper's clips have 8, 16, 32 frames",
    ),
    WrongUse(
        "clip lengths where there is no choice",
        "reproduce figure3 --data list.csv --out run --frames 16",
        "--frames is for the other experiments; figure3 takes N clips of 8 frames; leave it out",
    ),
    WrongUse(
        "clips that do not divide the frames",
        "reproduce table2 --data list.csv --out run --frames 8 32 --clips.num_clips 6",
        "--frames is 32; the 48 frames that the recipe sees of a video (num_clips × frames_per_clip) must be two or "
        "more clips of it, with nothing left over",
    ),
    WrongUse(
        "results among other things",
        "reproduce table2 --data list.csv --test unreadable.csv --out wave",
        "wave: is there already and was not made by reproduce; choose a new folder",
    ),
    WrongUse(
        "results where nothing is written",
        "reproduce table2 --data list.csv --test unreadable.csv --out text.mp4/run",
        "text.mp4/run: cannot keep the experiment's results there: Not a directory",
    ),
    WrongUse(
        "fine-tuning of nothing",
        "reproduce table8 --data ucf --out run",
        "table8 fine-tunes a bundle to other videos, but --start BUNDLE is not given",
    ),
    WrongUse(
        "a start for what begins from nothing",
        "reproduce table3 --data list.csv --out run --start bundle",
        "--start is given, which is for table8 only; leave it out",
    ),
    WrongUse(
        "a bundle to start from that is not there",
        "reproduce table8 --data ucf --out run --start none",
        f"none: does not exist; {NO_BUNDLE}",
    ),
    WrongUse(
        "fine-tuning to splits that are not there",
        "reproduce table8 --data list.csv --out run --start bundle",
        "LIST is list.csv for all splits, but is not a folder that holds several; give the folder of the lists of "
        "UCF-101 or HMDB-51, or write {split} in LIST, as in train-{split}.csv",
    ),
    WrongUse(
        "one split twice",
        "reproduce table8 --data ucf --out run --start bundle --splits 1 1",
        "--splits is 1 1; it must be different numbers, such as 1 2 3",
    ),
    WrongUse(
        "a split for table 8",
        "reproduce table8 --data ucf --out run --start bundle --split 1",
        "--split is given, but table8 takes all of --splits; leave it out",
    ),
    WrongUse(
        "pre-training on a list that is not there",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain none.csv",
        "none.csv: does not exist; give …",
    ),
    WrongUse(
        "pre-training on a list that cannot be read",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain malformed.csv",
        "malformed.csv, line 2: is 'wave/1.mp4'; each line must be path,label",
    ),
    WrongUse(
        "pre-training on a list of which nothing is there",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain gone.csv",
        "gone.csv: none of its 1 videos is on disk; the first should be none.mp4; give the folder under which they lie "
        "with --pretrain_root",
    ),
    WrongUse(
        "pre-training on a single label",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain oneclass.csv",
        "oneclass.csv: has only the label 'wave'; at least two are needed",
    ),
    WrongUse(
        "judged on what it was pre-trained on",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain unreadable.csv",
        "unreadable.csv: 1 of its videos, such as text.mp4, are videos of --pretrain too; a network must not be judged "
        "on what it has learned from",
    ),
    WrongUse(
        "no epochs after pre-training",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain list.csv --finetune_epochs 0",
        "--finetune_epochs is 0; it must be at least 1",
    ),
    WrongUse(
        "more epochs after pre-training than there can be",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain list.csv --finetune_epochs 100001",
        "epochs is 100001; it must be at most 100000",
    ),
    WrongUse(
        "fine-tuning epochs of what is not pre-trained",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --finetune_epochs 2",
        "--finetune_epochs is given, which is for --pretrain only; leave it out, or give --pretrain LIST",
    ),
    WrongUse(
        "a folder for the videos of no list",
        "reproduce table3 --data list.csv --test unreadable.csv --out run --pretrain_root wave",
        "--pretrain_root is given, which is for --pretrain only; leave it out, or give --pretrain LIST",
    ),
    WrongUse(
        "pre-training for table 8",
        "reproduce table8 --data ucf --out run --start bundle --pretrain list.csv",
        "--pretrain is given, but table8 fine-tunes the bundle of --start; leave it out",
    ),
    # cost
    WrongUse("cost of an unknown recipe", "cost --recipe huge", f"unknown recipe 'huge'; {RECIPES}"),
    WrongUse("cost of no pattern", "cost --pattern 3", f"pattern is '3'; {NO_PATTERN}"),
    WrongUse("no classes", "cost --classes 0", "num_classes is 0; it must be at least 1"),
    WrongUse("one word too many", "cost bundle faster16", f"unknown argument faster16; {HELP} cost --help"),
    WrongUse("cost of a recipe as of a bundle", "cost faster16", f"faster16: does not exist; {NO_BUNDLE}"),
    WrongUse(
        "cost of bundle and recipe",
        "cost bundle --recipe tiny",
        "BUNDLE is 'bundle' and --recipe is 'tiny'; choose one",
    ),
    WrongUse(
        "cost of labels that a bundle has",
        "cost bundle --classes 7",
        "BUNDLE is 'bundle' and --classes is 7; choose one",
    ),
    WrongUse("cost of bundle and paper", "cost bundle --paper", "BUNDLE is 'bundle' and --paper is given; choose one"),
    # benchmark
    WrongUse("benchmark of an unknown recipe", "benchmark --recipe huge", f"unknown recipe 'huge'; {RECIPES}"),
    WrongUse(
        "benchmark of bundle and recipe",
        "benchmark bundle --recipe tiny",
        "BUNDLE is 'bundle' and --recipe is 'tiny'; choose one",
    ),
    WrongUse("benchmark of no bundle", "benchmark wave/0.mp4", f"wave/0.mp4: is a file; {NO_BUNDLE}"),
    WrongUse("benchmark with text", "benchmark bundle --video text.mp4", f"text.mp4: {NO_VIDEO}"),
    WrongUse("benchmark without file", "benchmark --video none.mp4", "none.mp4: No such file or directory"),
    WrongUse("no rounds", "benchmark bundle --rounds 0", "rounds is 0; it must be at least 1"),
    WrongUse("benchmark of no pattern", "benchmark bundle --pattern 3", f"pattern is '3'; {NO_PATTERN}"),
    WrongUse(
        "benchmark of no engine",
        "benchmark bundle --engine steam",
        "unknown engine 'steam'; choose one of auto, …",
    ),
    # data check
    WrongUse("no action given", "data", "no action is given; write faster-video data check LIST"),
    WrongUse("unknown action", "data mend list.csv", "unknown action 'mend'; write faster-video data check LIST"),
    WrongUse("no list to check", "data check", f"not given: LIST; {HELP} data check --help"),
    WrongUse(
        "option of another command",
        "data check --part train list.csv",
        f"unknown argument --part; {HELP} data check --help",
    ),
    WrongUse("missing list to check", "data check none.csv", "none.csv: does not exist; give …"),
    WrongUse("clips of no frames", "data check list.csv --min_frames 0", "min_frames is 0; it must be at least 1"),
    WrongUse(
        "no workers",
        "data check list.csv --workers 0",
        "workers is 0; it must be at least 1, or -1 for one per core",
    ),
    WrongUse(
        "report below a file",
        "data check list.csv --out text.mp4/out",
        "text.mp4/out: cannot write the report there: Not a directory",
    ),
    WrongUse(
        "check of a list of which nothing is there",
        "data check gone.csv",
        "gone.csv: none of its 1 videos is on disk; the first should be none.mp4; …--root",
    ),
    # backbones
    WrongUse("backbones that are named", "backbones x3d_m", f"unknown argument x3d_m; {HELP} backbones --help"),
    WrongUse(
        "backbones of a kind", "backbones --labels imagenet", f"unknown argument --labels; {HELP} backbones --help"
    ),
    WrongUse("backbones line by line", "backbones --jsonl", f"unknown argument --jsonl; {HELP} backbones --help"),
    WrongUse("backbones with a value", "backbones --json=yes", "--json is given the value 'yes', but takes none"),
    # fetch
    WrongUse("nothing to fetch", "fetch", f"not given: NETWORK; {HELP} fetch --help"),
    WrongUse("fetch of no network", "fetch x3d", f"unknown published network 'x3d'; {NETWORKS}"),
    WrongUse("fetch of one of ours", "fetch x3d_m r2d26", f"unknown published network 'r2d26'; {NETWORKS}"),
    WrongUse("fetch by force", "fetch x3d_m --force", f"unknown argument --force; {HELP} fetch --help"),
    # distill
    WrongUse(
        "nothing to distill",
        "distill",
        "not given: --expensive NETWORK, --cheap NETWORK, --data PATH, --validation PATH, --out DIR; "
        f"{HELP} distill --help",
    ),
    WrongUse(
        "distillation of one network",
        "distill --expensive x3d_m --data wave --validation jump --out out",
        f"not given: --cheap NETWORK; {HELP} distill --help",
    ),
    WrongUse(
        "distillation of no pattern",
        "distill --expensive x3d_m --cheap x3d_xs --data wave --validation jump --out out --patterns",
        "--patterns is given without a value",
    ),
    WrongUse(
        "distillation of other labels",
        "distill --expensive x3d_m --cheap efficientnet_lite0 --data wave --validation jump --out out",
        "x3d_m answers with the labels of kinetics400 and efficientnet_lite0 with those of imagenet; only networks of "
        "the same list can be distilled",
    ),
    WrongUse(
        "distillation from one of ours",
        "distill --expensive r3d50 --cheap x3d_xs --data wave --validation jump --out out",
        "r3d50 is a network of the paper, of which no weights are published; train it with a recipe",
    ),
    # make-motion
    WrongUse("no folder given", "make-motion", f"not given: OUT; {HELP} make-motion --help"),
    WrongUse("unknown codec", "make-motion out --codec av1", "unknown codec 'av1'; choose one of h264, mpeg4"),
    WrongUse("empty set", "make-motion out --set ''", "unknown set ''; choose one of long, pairs, single"),
    WrongUse("unknown set", "make-motion out --set short", "unknown set 'short'; choose one of long, pairs, single"),
    WrongUse("folder taken", "make-motion wave", "wave: is there already and not an empty folder; choose a new one"),
    WrongUse("folder below a file", "make-motion text.mp4/out", f"text.mp4/out: {NO_PLACE}"),
    WrongUse("video beyond memory", "make-motion out --frames 1000000", "frames is 1000000; it must be at most 2000"),
    WrongUse("odd size", "make-motion out --size 33", "size is 33; video files want an even number of pixels"),
    WrongUse("too few videos", "make-motion out --videos 3", "videos is 3; it must be at least 24"),
    WrongUse("negative seed", "make-motion out --seed -5", "seed is -5; it must be at least 0"),
    WrongUse(
        "more motions than there are",
        "make-motion out --kinds 10 --phases 1",
        "kinds is 10; it must be at most 9",
    ),
    WrongUse(
        "misleading without distractions",
        "make-motion out --misleading true",
        "misleading is true, but distractions is 0; give 1 or more, or leave misleading out",
    ),
    WrongUse(
        "misleading more often than not",
        "make-motion out --misleading true --repeats 2 --distractions 2 --frames 256",
        "distractions is 2; misleading ones must be fewer than repeats (2), or the label would not be what is seen "
        "most",
    ),
    WrongUse("negative workers", "make-motion out --workers -2", "workers is -2; it must be at least -1"),
    WrongUse("speed in words", "make-motion out --speed fast", "--speed is 'fast'; it must be a number"),
    WrongUse(
        "too short for its motions",
        "make-motion out --frames 40",
        "frames is 40; 2 moves of up to 20 frames with pauses of 8 need at least 56",
    ),
    # push
    WrongUse("no place to push to", "push bundle", f"not given: USER/NAME; {HELP} push --help"),
    WrongUse(
        "push to half a name",
        "push bundle waves",
        "the model's name on the Hub is 'waves'; write it USER/NAME, such as alice/waves",
    ),
    WrongUse(
        "push to a revision",
        "push bundle alice/waves@v1",
        "the model's name is 'alice/waves@v1'; a push makes a revision of its own, leave @… out",
    ),
    WrongUse("calibration of no bundle", "calibrate none list.csv --out new", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse(
        "calibration of a packaged bundle in its place",
        "calibrate motion list.csv",
        "BUNDLE is 'motion', which is no folder that can be written; name a new one with --out",
    ),
    WrongUse(
        "calibration on four videos",
        "calibrate bundle list.csv",
        "there are 4 videos to calibrate with; give at least 10, better 400",
    ),
    WrongUse(
        "calibration with a drop below zero",
        "calibrate bundle list.csv --max_drop=-1",
        "max_drop is -1.0; it must be at least 0",
    ),
    WrongUse("gate without a store", "gate bundle wave", "wave: holds no features; give a folder that faster-video …"),
    WrongUse(
        "gate of an unfinished store",
        "gate bundle unfinished",
        "unfinished/store.json: …",
    ),
    WrongUse("gate with every clip expensive", "gate bundle wave --share 1", "share is 1.0; it must lie between 0 …"),
    WrongUse("gate of no bundle", "gate none unfinished --out new", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse(
        "plan without a unit",
        "plan bundle list.csv --budget 40",
        "budget is '40'; write what a video may cost, as '40 GMACs' or '0.5 s' (a number above 0)",
    ),
    WrongUse(
        "plan for a budget of nothing",
        "plan bundle list.csv --budget '0 s'",
        "budget is '0 s'; write what a video may cost, as '40 GMACs' or '0.5 s' (a number above 0)",
    ),
    WrongUse(
        "plan with a strange pattern",
        "plan bundle list.csv --budget '1 s' --patterns often",
        f"pattern is 'often'; {NO_PATTERN}",
    ),
    WrongUse(
        "plan drawn as text",
        "plan bundle list.csv --budget '1 s' --plot front.txt",
        "front.txt: the picture's name must end in one of .jpg, .pdf, .png, .svg, .webp",
    ),
    WrongUse(
        "rule that is none",
        "classify wave/0.mp4 --bundle bundle --stop_when often",
        "stop is 'often'; write the probability from which on a label is sure, such as 0.9, or with the number of "
        "clips that it must hold, such as 0.9:2",
    ),
    WrongUse(
        "preset that is not there",
        "evaluate bundle list.csv --preset dear",
        "preset is 'dear', which this bundle does not have; it has: none; faster-video plan makes some",
    ),
    WrongUse(
        "gate that is not there",
        "stream wave/0.mp4 --bundle bundle --gate 0.5",
        "gate is 0.5, but this bundle has none; train one with faster-video gate, or leave it out",
    ),
    WrongUse("push of no bundle", "push none alice/waves", f"none: does not exist; {NO_BUNDLE}"),
    WrongUse("push of a damaged bundle", "push damaged alice/waves", f"damaged/model.safetensors: {DAMAGED}"),
]


def make_place(place: Path) -> None:
    """Fill a folder with a good bundle, good videos and a list of them, and one of each that is not good."""
    bundle = small_bundle()
    generator = np.random.default_rng(0)
    for label in bundle.labels[:2]:
        (place / label).mkdir(parents=True)
        for number in range(2):
            colours = generator.integers(0, 256, size=(3, 6, 8, 3), dtype=np.uint8)
            frames = [colours[frame // 10].repeat(8, axis=0).repeat(8, axis=1) for frame in range(30)]
            write_video(place / label / f"{number}.mp4", frames, 25)
    save_bundle(bundle, place / "bundle")
    for name in ("weightless", "damaged", "garbled", "split1", "split2"):
        shutil.copytree(place / "bundle", place / name)
    for name in ("ucf", "contradiction", "hmdb"):
        (place / name).mkdir()
    shutil.copytree(place / "wave", place / "ucf" / "videos" / "wave")
    (place / "weightless" / "model.safetensors").unlink()
    with (place / "damaged" / "model.safetensors").open("r+b") as weights:
        weights.truncate(10_000)
    (place / "garbled" / "config.json").write_text("{labels}")
    for name in ("features", "unfinished"):
        (place / name).mkdir()
    np.save(place / "features" / "0.npy", np.ones((4, 8), np.float32))
    (place / "cut.mp4").write_bytes((place / "wave" / "0.mp4").read_bytes()[:2000])
    for name, text in {
        "text.mp4": "This is text.\n",
        "empty.mp4": "",
        "empty.csv": "path,label\n",
        "list.csv": "wave/0.mp4,wave\nwave/1.mp4,wave\njump/0.mp4,jump\njump/1.mp4,jump\n",
        "malformed.csv": "wave/0.mp4,wave\nwave/1.mp4\n",
        "strange.csv": "wave/0.mp4,wave\nwave/1.mp4,hug\n",
        "unreadable.csv": "none.mp4,wave\ntext.mp4,jump\n",
        "gone.csv": "none.mp4,wave\n",
        "single.csv": "wave/0.mp4,wave\nwave/1.mp4,wave\njump/0.mp4,jump\n",
        "oneclass.csv": "wave/0.mp4,wave\nwave/1.mp4,wave\n",
        "spaced.txt": "wave/0.mp4 wave\nwave/1.mp4\n",
        "secret.csv": "youtube_id,time_start,time_end,split\nabc,1,11,test\n",
        "timeless.csv": "label,youtube_id,split\nwave,abc,train\n",
        "late.csv": "label,youtube_id,time_start,time_end,split\nwave,abc,ten,20,train\n",
        "ucf/testlist01.txt": "wave/0.mp4\r\n",
        "ucf/testlist02.txt": "wave/1.mp4\r\n",
        "ucf/classInd.txt": "1 wave\r\n",
        "contradiction/trainlist01.txt": "wave/0.mp4 1\r\nwave/1.mp4 2\r\n",
        "hmdb/wave_test_split1.txt": "0.mp4 3 \n",
        "features/features.csv": "0.npy,wave\n",
        "unfinished/store.json": "{}",
        "unknown.yaml": "clips:\n  length: 8\n",
        "unquoted.yaml": "model:\n  pattern: 1:7\n",
    }.items():
        (place / name).write_text(text)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, suppress(KeyboardInterrupt):
        make_place(Path(folder))
        load_bundle(Path(folder) / "bundle")
        os.chdir(folder)
        for use in WRONG_USES:
            print(f"# {use.what}\n$ faster-video {use.command!r}"[:200].replace("'", ""), flush=True)
            code = main(shlex.split(use.command))
            sys.stderr.flush()
            print(f"exit code {code}\n", flush=True)
