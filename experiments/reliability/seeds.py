"""Small valid files of every kind that is read here."""

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas
import soundfile
import torch
import yaml
from PIL import Image
from safetensors.torch import load_file
from transformers import DistilBertConfig, DistilBertModel

from lit_pretrain.datamodules.text.tokenizer.bytes import Bytes
from lit_pretrain.datamodules.text.tokenizer.trained import BPE
from lit_pretrain.encoders.bert import BERT
from lit_pretrain.io.checkpoint import KEY, write
from lit_pretrain.io.pretrained import save_pretrained
from lit_pretrain.part import spec

Contents = dict[str, bytes]  # of files, by their paths in a folder
TEXT = "The first line, of ten words. Größe: 12.5 €\n\nAnother paragraph\nof two lines.\n" * 2
ROWS = [{"text": f"Row {i} says “yes”.", "code": f"def f{i}(x):\n    return x + {i}\n", "label": i % 2} for i in range(6)]
GRAPHS = [
    {"nodes": [[0.5, i], [1.0, 2.0], [0, 0]], "edges": [[0, 1], [1, 2]], "edge_features": [[1.5], [2.5]], "label": label}
    for i, label in enumerate("ababab")
]
PROGRAMS = {
    ".py": 'class A:\n    def add(self, x, y=2):\n        """Sum of both."""\n        for i in range(3):\n'
           "            x += i\n        return {x: y for y in (x, [y])}\n",
    ".java": "class A {\n  // Adds.\n  int add(int x, int y) { for (int i = 0; i < 3; i++) { x += i; } return x + y; }\n}\n",
    ".c": "/* Adds. */\nint add(int x, int *y) { int z = x; while (z < 9) { z += *y; } return z; }\n",
    ".cpp": "template <class T> struct A { // Adds.\n T add(T x) { auto f = [&](T y) { return x + y; }; return f(x); } };\n",
    ".go": "package a\n\n// Add adds.\nfunc (s *S) Add(x int) (y int) { for i := range s.z { y += i }; return x + y }\n",
    ".js": "// Adds.\nconst add = (x, {y}) => { let z = `a${x}`; for (const i of [1]) { z += i; } return z + y; };\n",
}  # fmt: skip


def written(write: Callable[[Path], Any]) -> Contents:
    """The files that `write` makes in a folder."""
    with TemporaryDirectory() as name:
        write(folder := Path(name))
        return {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
        }


def streamed(write: Callable[[io.BytesIO], Any]) -> bytes:
    """What `write` puts into a file."""
    write(file := io.BytesIO())
    return file.getvalue()


def json_lines(rows: list[dict]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def image(ending: str) -> bytes:
    pixels = np.arange(12 * 10 * 3, dtype=np.uint8).reshape(12, 10, 3)
    return streamed(lambda file: Image.fromarray(pixels).save(file, ending))


def sound(ending: str) -> bytes:
    wave = np.sin(np.arange(1600) / 9).astype(np.float32) / 2
    return streamed(lambda file: soundfile.write(file, wave, 8000, format=ending))


def tar(files: Contents, mode: str = "w") -> bytes:
    def write(file: io.BytesIO) -> None:
        with tarfile.open(fileobj=file, mode=mode) as archive:
            for name, content in files.items():
                (info := tarfile.TarInfo(name)).size = len(content)
                archive.addfile(info, io.BytesIO(content))

    return streamed(write)


def table(rows: list[dict], **options: Any) -> bytes:
    return pandas.DataFrame(rows).to_csv(index=False, **options).encode()


def parquet(rows: list[dict]) -> bytes:
    return streamed(lambda file: pandas.DataFrame(rows).to_parquet(file))


def packed_csv(*lines: str) -> bytes:
    return gzip.compress("\n".join(lines).encode(), mtime=0)


def images_and_tags() -> Contents:
    tags = [{"file_name": "cat/a.png", "tags": ["red", "two"]}, {"file_name": "dog/b.jpg", "tags": ["red"]}]
    kinds = {
        "cat/a.png": "png",
        "cat/c.gif": "gif",
        "cat/f.webp": "webp",
        "dog/b.jpg": "jpeg",
        "dog/d.bmp": "bmp",
        "e.tiff": "tiff",
    }
    return {name: image(kind) for name, kind in kinds.items()} | {"metadata.jsonl": json_lines(tags)}


def images_in_tar(mode: str) -> bytes:
    samples = (
        {f"s/{i}.png": image("png"), f"s/{i}.cls": b"%d" % (i % 2), f"s/{i}.json": b'{"tags": ["red"]}'} for i in range(3)
    )
    return tar({name: content for sample in samples for name, content in sample.items()}, mode)


def recordings() -> Contents:
    return {f"yes/a.{x}": sound(x) for x in ("wav", "flac")} | {f"no/b.{x}": sound(x) for x in ("ogg", "aiff", "mp3", "au")}


def manifest(ending: str) -> Contents:
    rows = [{"path": "a.wav", "duration": 0.2, "text": "yes or nö", "word": "yes"}] * 4
    return {"a.wav": sound("wav"), f"list.{ending}": json_lines(rows) if ending == "jsonl" else table(rows, sep="\t")}


def recordings_in_tar() -> bytes:
    sample = {"wav": sound("wav"), "txt": b"yes", "json": b'{"word": "yes"}'}
    return tar({f"{i}.{ending}": content for i in range(3) for ending, content in sample.items()})


def idx(array: np.ndarray) -> bytes:
    """The format of MNIST."""
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">i4").tobytes() + array.tobytes()


def digits() -> Contents:
    found = {}
    for part in ("train", "t10k"):
        found[f"FashionMNIST/raw/{part}-images-idx3-ubyte"] = idx(np.arange(10 * 16, dtype=np.uint8).reshape(10, 4, 4))
        found[f"FashionMNIST/raw/{part}-labels-idx1-ubyte"] = idx(np.arange(10, dtype=np.uint8))
    return found


def edge_list() -> Contents:
    nodes = [
        {"name": f"n{i}", "size": i / 2, "kind": "ab"[i % 2], "part": ("train", "val", "test")[i % 3]} for i in range(9)
    ]
    edges = [{"from": f"n{i}", "to": f"n{(i + 1) % 9}", "weight": i} for i in range(9)]
    return {"nodes.csv": table(nodes), "edges.csv": table(edges)}


def arrays() -> Contents:
    i = np.arange(9)
    return {"nodes.npz": streamed(lambda file: np.savez_compressed(file, name=i, feature=np.ones((9, 2)), kind=i % 2)),
            "edges.npz": streamed(lambda file: np.savez(file, source=i, target=(i + 1) % 9, weight=i / 2))}  # fmt: skip


def tensors() -> bytes:
    row = {
        "x": torch.ones(3, 2),
        "edge_index": torch.tensor([[0, 1], [1, 2]]),
        "edge_attr": torch.ones(2, 1),
        "y": torch.tensor([1]),
    }
    return streamed(lambda file: torch.save([row] * 6, file))


def columns_of_graphs() -> bytes:
    return parquet([{"num_nodes": 3, "edge_index": [[0, 1], [1, 2]], "edge_attr": [1.0, 2.0], "y": i % 2} for i in range(6)])


def tu_dataset() -> Contents:
    size, graphs = 3, 6
    edges = [(size * g + a, size * g + b) for g in range(graphs) for a, b in ((1, 2), (2, 1), (2, 3), (3, 2))]
    lines = {
        "A": [f"{a}, {b}" for a, b in edges],
        "graph_indicator": [g + 1 for g in range(graphs) for _ in range(size)],
        "graph_labels": [g % 2 for g in range(graphs)],
        "node_labels": [n % 2 for n in range(size * graphs)],
        "edge_labels": [e % 2 for e in range(len(edges))],
    }
    return {f"MUTAG/raw/MUTAG_{name}.txt": "\n".join(map(str, rows)).encode() + b"\n" for name, rows in lines.items()}


def ogb() -> Contents:
    parts = {"train": "0\n1\n2", "valid": "3", "test": "4"}
    return {
        "raw/edge.csv.gz": packed_csv("0,1", "1,2", "2,3", "3,4"),
        "raw/node-feat.csv.gz": packed_csv(*["0.5,-1.5"] * 5),
        "raw/node-label.csv.gz": packed_csv("0", "1", "0", "1", "0"),
    } | {f"split/time/{name}.csv.gz": packed_csv(rows) for name, rows in parts.items()}


def tokenizer(folder: Path) -> BPE:
    made = BPE(vocab_size=300, num_sentinels=4)
    made.prepare(lambda: [TEXT], lambda: "text", folder)
    return made


def published() -> Contents:
    """A tokenizer as `transformers` reads it."""
    with TemporaryDirectory() as folder:
        return {name: text.encode() for name, text in tokenizer(Path(folder)).artifacts().items()}


def small_encoder() -> BERT:
    return BERT(40, 16, 1, 2, max_length=16)


def checkpoint(folder: Path) -> None:
    encoder = small_encoder()
    kept = {"module": spec(encoder), "encoder": spec(encoder), "data": spec(Bytes()), "optim": None,
            "artifacts": Bytes().artifacts()}  # fmt: skip
    weights = {f"encoder.{name}": weight for name, weight in encoder.state_dict().items()}
    write({KEY: kept, "state_dict": weights, "global_step": 1, "epoch": 0}, folder / "checkpoints/step-0000001.ckpt")


def pickled(folder: Path) -> None:
    """As published before safetensors: `pytorch_model.bin`."""
    save_pretrained(small_encoder(), folder, theirs=True)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def adapted(folder: Path) -> None:
    """A model of transformers that no file in `io/families` maps."""
    sizes = {"vocab_size": 40, "dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32, "max_position_embeddings": 16}
    DistilBertModel(DistilBertConfig(**sizes)).save_pretrained(folder)


def units(folder: Path) -> None:
    (folder / "units.json").write_text(json.dumps({"clusters": 5, "hop": 0.02, "fingerprints": {"train": "abc"}}))
    np.savez(folder / "units-train.npz", ids=np.arange(6, dtype=np.uint16) % 5, offsets=np.array([0, 2, 6]))


def configuration() -> Contents:
    source = {"class_path": "lit_pretrain.datamodules.text.source.standard_library.StandardLibrary"}
    sizes = {"vocab_size": "${data.init_args.tokenizer.init_args.vocab_size}", "dim": 16, "num_layers": 1}
    run = {"include": ["text/mlm.yaml", "data.yaml"], "model": {"init_args": {"encoder": {"init_args": sizes}}},
           "optim": {"class_path": "lit_pretrain.optim.recipe.AdamW", "init_args": {"lr": 1e-3}}}  # fmt: skip
    data = {
        "data": {"class_path": "lit_pretrain.datamodules.text.datamodule.TextDataModule", "init_args": {"source": source}}
    }
    return {"run.yaml": yaml.safe_dump(run).encode(), "data.yaml": yaml.safe_dump(data).encode()}
