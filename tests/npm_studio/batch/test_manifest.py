from pathlib import Path

import pytest

from engine.core.errors import InputError
from npm_studio.batch.fits import fit_tasks
from npm_studio.batch.manifest import FitRow, read_manifest
from npm_studio.batch.words import manifest_words


def manifest(folder: Path, text: str, ending: str = "yaml", encoding: str = "utf-8") -> Path:
    path = folder / f"fits.{ending}"
    path.write_text(text, encoding=encoding)
    return path


def rows(path: Path) -> tuple[FitRow, ...]:
    found, wrong = read_manifest(path)
    assert wrong == ()
    return found


def problems(path: Path) -> list[str]:
    _, wrong = read_manifest(path)
    return [error.line(manifest_words).removeprefix(f"{path}, ") for error in wrong]


CSV = """sequence,name,options,views,near,fill_lost,subject,seed
walk,,steps=8 pose_prior=1e-3,"left 'right side'",0.5,true,2,7
runs/007,,"side=left
 shape=12",,,,,

jump.mkv,jump,,,,,,
"""


def test_csv_and_yaml_state_the_same(tmp_path: Path) -> None:
    stated = rows(manifest(tmp_path, CSV, "csv"))
    text = """
- sequence: walk
  options: {steps: 8, pose_prior: 1e-3}
  views: [left, right side]
  near: 0.5
  fill_lost: true
  subject: 2
  seed: 7
- {sequence: runs/007, options: {side: left, shape: 12}}
- {sequence: jump.mkv, name: jump}
"""
    listed = rows(manifest(tmp_path, text))
    assert [each.row for each in stated] == [each.row for each in listed]
    assert [each.name for each in stated] == ["walk", "007", "jump"]
    assert [each.line for each in stated] == [2, 3, 6]
    assert [each.line for each in listed] == [2, 9, 10]
    assert [each.config for each in stated] == [each.config for each in listed]
    assert stated[0].config.model_dump()["pose_prior"] == 1e-3


def test_a_table_of_a_german_spreadsheet_is_read(tmp_path: Path) -> None:
    text = "sequence;name;options\r\nläufer;eins;steps=8\r\n"
    (only,) = rows(manifest(tmp_path, text, "csv", "cp1252"))
    assert (only.row.sequence, only.name) == ("läufer", "eins")


def test_every_bad_row_is_named_with_its_line(tmp_path: Path) -> None:
    text = """- sequence: walk
- sequence: a
  method: nmp
- sequence: b
  options: {stepz: 3}
- sequence: c
  modell: x
- sequence: d
  model: gone.npm
- sequence: e
  sequence: f
- 7
- name: g
- sequence: h
  options: {steps: 0}
- sequence: other/walk
- sequence: i
  subject: all
- sequence: j
  name: ../j
- sequence: k
  masks: nowhere
"""
    path = manifest(tmp_path, text)
    found = problems(path)
    assert [line.split(":")[0] for line in found] == [f"line {n}" for n in (2, 4, 6, 8, 10, 12, 13, 14, 16, 17, 19, 21)]
    assert found[0].startswith("line 2: method 'nmp' is not installed; use one of npm")
    assert found[1].startswith("line 4: options: stepz is not among the fields; which are side, shape")
    assert found[2].startswith("line 6: modell is not among the fields; which are sequence, name, model")
    assert found[3].startswith(f"line 8: {tmp_path / 'gone.npm'} is not a model; give a folder NAME.npm, or a built-in")
    assert found[4:7] == [
        "line 10: the row states 'sequence' twice",
        "line 12: the row is no row: it has no names before its values",
        "line 13: sequence must be given",
    ]
    assert found[8] == "line 16: walk is the name of the row in line 1, too; give each a name"


def test_a_date_that_is_none_and_values_without_end_are_the_trouble_of_their_row(tmp_path: Path) -> None:
    lists = "".join(f", l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 9)}]" for n in range(1, 10))
    text = f"- sequence: 2024-13-45\n- {{sequence: a, truth: &l0 [x]{lists}}}\n- {{sequence: b, seed: {'1' * 5000}}}\n"
    first, second, third = problems(manifest(tmp_path, text))
    assert first == "line 1: the row states something that is not a value (month must be in 1..12)"
    assert second == "line 2: the row has more than 100000 values, with what its aliases stand for"
    assert third.startswith("line 3: the row states something that is not a value (Exceeds the limit")


def test_a_table_with_tabs_is_told_which_names_are_known(tmp_path: Path) -> None:
    (line,) = problems(manifest(tmp_path, "sequence\tname\nwalk\ta\n", "csv"))
    assert line.startswith("line 2: sequence name is not among the fields; which are sequence, name")


@pytest.mark.parametrize(
    ("cells", "problem"),
    [
        ("a,x,steps,", "the row has an option 'steps', which is not of the form name=value"),
        ("a,x,shape='o,", "the row has a quotation without an end: shape='o"),
        ("a,x,,maybe", "fill_lost input should be a valid boolean, is 'maybe'"),
        ("a,x,,true,9", "the row has 5 cells under 4 names"),
        (",x,,", "sequence must be given"),
        ("a,x,,]", "the row has a cell where ']' is not a value"),
        ("a,x,steps=2024-13-45,", "the row has an option 'steps', where '2024-13-45' is not a value"),
        (".tasks,,,", "name '.tasks' is that of a file of the batch itself; choose another"),
        ("a,batch.csv,,", "name 'batch.csv' is that of a file of the batch itself; choose another"),
    ],
)
def test_bad_cells_are_named(cells: str, problem: str, tmp_path: Path) -> None:
    path = manifest(tmp_path, f"sequence,name,options,fill_lost\n{cells}\n", "csv")
    assert problems(path) == [f"line 2: {problem}"]


@pytest.mark.parametrize(
    ("text", "ending", "problem"),
    [
        ("- [1", "yaml", r"is not readable YAML \(line 1: expected"),
        ("sequence: walk", "yml", "is no list of rows"),
        ("", "yaml", "has no rows"),
        ("sequence,name\n", "csv", "has no rows"),
        ("sequence,name,name\na,b,c\n", "csv", "has two columns called 'name'"),
        ("- {sequence: !!python/object/apply:os.getcwd []}", "yaml", "is not readable YAML"),
        ("walk", "txt", r"is no manifest: its name does not end in .yaml, .yml, .csv"),
    ],
)
def test_what_is_no_manifest_is_refused(text: str, ending: str, problem: str, tmp_path: Path) -> None:
    path = manifest(tmp_path, text, ending)
    with pytest.raises(InputError, match=problem):
        read_manifest(path)


def test_paths_are_relative_to_the_manifest_and_built_in_models_go_by_name(tmp_path: Path, toy_folder: Path) -> None:
    (tmp_path / "masks").mkdir()
    text = f"""
- sequence: walk
  truth: walk/truth
  masks: masks
  views: [left]
  intrinsics: 500,500,320,240
- {{sequence: jump, model: {toy_folder}, method: imported, options: {{meshes: made/elsewhere}}}}
- {{sequence: run, model: {toy_folder}}}
"""
    walk, jump, run = fit_tasks(rows(manifest(tmp_path, text)), tmp_path / "out")
    assert walk.out == tmp_path / "out" / "walk"
    assert walk.inputs == {
        "sequence": tmp_path / "walk",
        "truth": tmp_path / "walk" / "truth",
        "masks": tmp_path / "masks",
        "view_000": tmp_path / "left",
    }
    assert walk.arguments["built_in_model"] == "anny-compact"
    assert walk.arguments["capture"] == {"intrinsics": "500,500,320,240"}
    assert jump.inputs == {"sequence": tmp_path / "jump", "option_meshes": tmp_path / "made" / "elsewhere"}
    assert jump.arguments["built_in_model"] is None
    assert "meshes" not in jump.arguments["config"]
    assert run.inputs["model"] == toy_folder
