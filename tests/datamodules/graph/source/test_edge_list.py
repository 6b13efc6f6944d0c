"""Tables of edges and nodes against what was written into them."""

import numpy as np
import pytest

from lit_pretrain.datamodules.graph.source.edge_list import EdgeList

NODES = """name,colour,kind,weight,age,part
ann,red,cat,0.5,3,train
bob,blue,,1.5,4,val
eve,red,dog,2.5,5,test
tom,red,cat,3.5,6,
"""
EDGES = "from,to,strength\nann,bob,2\neve,ann,3\n"


def tables(folder, nodes: str = NODES, edges: str = EDGES, ending: str = "csv", **settings) -> EdgeList:
    for name, text in (("nodes", nodes), ("edges", edges)):
        (folder / f"{name}.{ending}").write_text(text if ending == "csv" else text.replace(",", "\t"))
    return EdgeList(str(folder / f"edges.{ending}"), str(folder / f"nodes.{ending}"), **settings)


@pytest.mark.parametrize("ending", ["csv", "tsv"])
def test_names_become_numbers_and_numeric_columns_features(ending, tmp_path):
    source = tables(tmp_path, ending=ending, label="kind", split="part")
    graph = source.graph()
    assert graph.features.tolist() == [[0.5, 3], [1.5, 4], [2.5, 5], [3.5, 6]]
    assert graph.edges.index.T.tolist() == [[1, 0], [2, 0], [0, 1], [0, 2]]
    assert graph.edge_features[:, 0].tolist() == [2, 3, 2, 3]
    assert source.class_names == ("cat", "dog") and graph.labels.tolist() == [0, -1, 1, 0] and source.label_names == ()
    assert {split: nodes.tolist() for split, nodes in graph.splits.items()} == {"train": [0], "validation": [1], "test": [2]}
    directed = tables(tmp_path, ending=ending, directed=True).graph()
    assert directed.edges.index.T.tolist() == [[2, 0], [0, 1]] and directed.edge_features[:, 0].tolist() == [3, 2]


def test_arrays(tmp_path):
    np.savez(
        tmp_path / "nodes.npz", id=[10, 5, 7], x=np.arange(6.0).reshape(3, 2), y=[11, -1, 2], part=["train", "test", ""]
    )
    np.savez(tmp_path / "edges.npz", source=[10, 7], target=[5, 10], w=[[1, 2], [3, 4]])
    source = EdgeList(str(tmp_path / "edges.npz"), str(tmp_path / "nodes.npz"), label="y", split="part", directed=True)
    graph = source.graph()
    assert graph.features.tolist() == [[0, 1], [2, 3], [4, 5]] and graph.edges.index.T.tolist() == [[2, 0], [0, 1]]
    assert graph.edge_features.tolist() == [[3, 4], [1, 2]] and graph.splits["train"].tolist() == [0]
    assert source.class_names == ("2", "11") and graph.labels.tolist() == [1, -1, 0]


def test_labels_are_classes_or_numbers(tmp_path):
    whole = tables(tmp_path, NODES.replace("dog", "1").replace("cat", "10"), label="kind")
    assert whole.class_names == ("1", "10") and whole.graph().labels.tolist() == [1, -1, 0, 1]
    numbers = tables(tmp_path, label="weight")
    assert numbers.class_names == () and numbers.label_names == ("weight",)
    assert numbers.graph().labels.tolist() == [0.5, 1.5, 2.5, 3.5] and numbers.graph().features.tolist() == [
        [3],
        [4],
        [5],
        [6],
    ]


def test_names_that_are_numbers_in_one_table_only(tmp_path):
    graph = tables(tmp_path, "id\n1\n2\nx\n", "a,b\n1,2\n2,1\n", directed=True).graph()
    assert graph.edges.index.T.tolist() == [[1, 0], [0, 1]] and graph.features.tolist() == [[1.0]] * 3


def test_a_division_at_random(tmp_path):
    nodes = "id\n" + "".join(f"{i}\n" for i in range(20))
    splits = tables(tmp_path, nodes, "a,b\n1,2\n", validation_fraction=0.2, test_fraction=0.3).graph().splits
    assert {split: len(nodes) for split, nodes in splits.items()} == {"train": 10, "validation": 4, "test": 6}


def test_another_table_has_another_fingerprint(tmp_path):
    before = tables(tmp_path).fingerprint("train")
    assert (
        tables(tmp_path).fingerprint("train") == before != tables(tmp_path, edges=EDGES + "tom,ann,1\n").fingerprint("train")
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"edges": EDGES + "ann,zoe,1\n"}, r"edge 2 \(from 0\) leads to node 'zoe', which is not in .*nodes.csv"),
        ({"edges": EDGES + "ann,,1\n"}, "leads to node 'nan'"),
        ({"edges": "from\nann\n"}, r"has the columns \['from'\]: the first two name"),
        ({"edges": EDGES + "ann,bob,\n"}, "features of edge 2 are no numbers"),
        ({"nodes": NODES + "ann,red,cat,1,2,train\n"}, "node 'ann' stands in more than one line"),
        ({"nodes": NODES.replace("3.5", "")}, "features of node 3 are no numbers"),
        ({"nodes": NODES.replace("test", "holdout"), "split": "part"}, r"\['holdout'\] are no splits"),
        ({"nodes": ""}, "table .*nodes.csv' cannot be read"),
        ({"label": "species"}, r"no column 'species'; it has \['name', 'colour'"),
    ],
)
def test_mistakes(changed, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tables(tmp_path, **changed).graph()


def test_files_that_are_no_tables(tmp_path):
    tables(tmp_path)
    np.savez(tmp_path / "uneven.npz", a=[1], b=[1, 2])
    (tmp_path / "broken.npz").write_bytes(b"PK\x03\x04 and no more")
    for file, message in (("nodes.xls", "ends in none of"), ("gone.csv", "No such file"), ("broken.npz", "cannot be read"),
                          ("uneven.npz", r"\[1, 2\] rows")):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            EdgeList(str(tmp_path / "edges.csv"), str(tmp_path / file)).graph()
