"""The catalog: the file itself, the functions that read it, and every mistake that the loader must name."""

import json
import re
import subprocess
import sys
import tomllib

import pytest

from lesson_support import catalog, paths
from lesson_support.errors import LessonError

SLUGS = """
tensor_mechanics gemm_and_broadcasting advanced_indexing view_and_reshape gpu_acceleration
autograd_engine custom_autograd linear_regression module_architecture activations losses optimizers
custom_dataset dataloader augmentation training_loop schedules checkpoints precision_and_memory
convolution resnet cnn_families recurrent_networks tokenizers embeddings attention gpt encoders decoding
distributed vae_and_gan diffusion post_training dispatcher profiling_and_roofline triton_first_kernels
fused_norms triton_gemm flash_attention parallel_scan scan_on_cpu scan_in_triton gated_recurrences
compile_and_graphs quantization pruning_importance pruning_pipeline export_and_serving rust_kernels
rust_versus_pytorch
"""
DIFFICULTIES = [8, 8, 8, 7, 9, 10, 10, 6, 8, 7, 8, 9, 7, 8, 7, 8, 8, 8, 9, 9, 8, 7, 8, 7, 7]
DIFFICULTIES += [9, 9, 8, 9, 9, 8, 9, 9, 9, 9, 9, 9, 10, 10, 9, 9, 10, 10, 9, 9, 9, 9, 8, 9, 9]
PHASE_SIZES = [7, 5, 3, 4, 3, 3, 5, 3, 10, 7]
LONG = {5, 6, 7, 38, 39, 42, 43}
FILLER = "crucial powerful seamless robust dive unlock journey leverage comprehensive various effectively"
VAGUE = "understand learn know master explore appreciate use see be discuss describe"

LESSONS = catalog.lessons()


def test_the_fifty_and_their_order():
    assert [entry.slug for entry in LESSONS] == SLUGS.split()
    assert [entry.number for entry in LESSONS] == list(range(1, 51))
    assert [entry.difficulty for entry in LESSONS] == DIFFICULTIES


def test_the_ten_phases_partition_the_lessons():
    phases = catalog.phases()
    assert [phase.number for phase in phases] == list(range(1, 11))
    assert [len(phase.lessons) for phase in phases] == PHASE_SIZES
    assert tuple(entry for phase in phases for entry in phase.lessons) == LESSONS
    assert all(entry.phase == phase.number for phase in phases for entry in phase.lessons)


def test_questions_are_questions_and_capstones_are_sentences():
    for phase in catalog.phases():
        assert phase.question.endswith("?") and phase.question.count("?") == 1
        assert phase.capstone.endswith(".") and phase.capstone.count(". ") == 0


def test_at_most_two_neighbours_share_a_shape():
    shapes = [entry.shape for entry in LESSONS]
    assert [n for n in range(1, 49) if len(set(shapes[n - 1 : n + 2])) == 1] == []
    assert set(shapes) == set(catalog.SHAPES)


def test_long_lessons_are_the_ones_with_two_videos():
    assert {entry.number for entry in LESSONS if entry.length == "long"} == LONG


def test_longer_lessons_take_longer():
    shortest = min(entry.minutes for entry in LESSONS if entry.length == "long")
    assert shortest > max(entry.minutes for entry in LESSONS if entry.length == "standard")


def test_titles_are_short_plain_and_unique():
    titles = [entry.title for entry in LESSONS]
    assert len(set(titles)) == 50
    assert all(len(title) <= 72 and not set("`*_$<>[]|") & set(title) for title in titles)


def test_no_outcome_stands_in_two_lessons():
    outcomes = [outcome.casefold() for entry in LESSONS for outcome in entry.outcomes]
    assert len(outcomes) == len(set(outcomes))
    openings = [tuple(outcome.split()[:5]) for outcome in outcomes]
    assert [opening for opening in openings if openings.count(opening) > 1] == []


def test_outcomes_continue_afterwards_you_can():
    for entry in LESSONS:
        for outcome in entry.outcomes:
            assert outcome[0].islower() and outcome[-1] not in ".;:", outcome
            assert len(outcome.split()) >= 6, outcome


def test_no_filler():
    text = (paths.PACKAGE / "catalog.toml").read_text(encoding="utf-8").casefold()
    assert [word for word in FILLER.split() if re.search(rf"\b{word}", text)] == []
    assert "not just" not in text and "worth noting" not in text and "in summary" not in text


def test_no_outcome_begins_with_something_untestable():
    assert [
        outcome for entry in LESSONS for outcome in entry.outcomes if outcome.split()[0] in VAGUE.split()
    ] == []


def test_prerequisites_are_direct():
    """A prerequisite that another prerequisite already asks for is said twice."""
    for entry in LESSONS:
        for number in entry.prerequisites:
            others = [n for n in entry.prerequisites if n != number]
            behind = {each.number for other in others for each in catalog.route(other)}
            assert number not in behind, (entry.number, number)


def test_the_course_hangs_together():
    needed = {number for entry in LESSONS for number in entry.prerequisites}
    assert {1, 6, 16, 27, 40} <= needed
    assert [entry.number for entry in LESSONS if not entry.prerequisites] == [1, 24]


def test_needs_follow_from_the_slugs():
    for entry in LESSONS:
        if "triton" in entry.slug:
            assert "triton" in entry.needs
        if "rust" in entry.slug:
            assert "rustc" in entry.needs
    assert LESSONS[0].needs == ()


# --- the functions


def test_label_and_stem():
    first = LESSONS[0]
    assert (first.label, first.stem) == ("01", "01_tensor_mechanics")
    assert LESSONS[42].stem == "43_gated_recurrences"


@pytest.mark.parametrize("name", [1, "1", "01", "tensor_mechanics", "01_tensor_mechanics"])
def test_a_lesson_has_many_names(name):
    assert catalog.lesson_entry(name) is LESSONS[0]


EXPECTED = "expected a number from 1 to 50 or a slug such as tensor_mechanics"


@pytest.mark.parametrize("name", [0, 99, 51, -1, "99", "foo", "", True, 1.0, None, "١", "1x"])
def test_no_such_lesson(name):
    with pytest.raises(LessonError) as error:
        catalog.lesson_entry(name)
    assert str(error.value) == f"there is no lesson {name}: {EXPECTED}"


@pytest.mark.parametrize(
    "name, meant",
    [
        ("tensor_mechanic", "tensor_mechanics"),
        ("02_tensor_mechanics", "01_tensor_mechanics"),
        ("Resnet", "resnet"),
    ],
)
def test_a_near_miss_is_answered(name, meant):
    with pytest.raises(LessonError, match=f"did you mean .*{meant}"):
        catalog.lesson_entry(name)


def test_the_route_to_the_gated_recurrences():
    numbers = [entry.number for entry in catalog.route(43)]
    assert numbers[-1] == 43 and numbers[0] == 1
    assert {2, 8, 36, 40, 42, 27, 26} <= set(numbers)
    assert not {3, 15, 20, 38, 41, 44} & set(numbers)
    seen = set()
    for entry in catalog.route("gated_recurrences"):
        assert set(entry.prerequisites) <= seen
        seen.add(entry.number)


@pytest.mark.parametrize(
    "number, expected", [(1, [1]), (24, [24]), (40, [1, 2, 8, 40]), (36, [1, 2, 5, 35, 36])]
)
def test_short_routes(number, expected):
    assert [entry.number for entry in catalog.route(number)] == expected


@pytest.mark.parametrize("entry", LESSONS, ids=lambda entry: entry.stem)
def test_a_route_is_closed_and_minimal(entry):
    numbers = {each.number for each in catalog.route(entry.number)}
    direct = {n for each in catalog.route(entry.number) for n in each.prerequisites}
    assert numbers == direct | {entry.number}


def test_route_of_nothing():
    with pytest.raises(LessonError, match="there is no lesson 51"):
        catalog.route(51)


def test_written_is_what_the_folder_holds(tmp_path):
    (tmp_path / "lessons").mkdir()
    assert not catalog.written(LESSONS[0], tmp_path)
    (tmp_path / "lessons" / "01_tensor_mechanics.ipynb").write_text("{}")
    assert catalog.written(LESSONS[0], tmp_path)
    assert not catalog.written(LESSONS[1], tmp_path)


def test_entries_cannot_be_changed():
    with pytest.raises(AttributeError):
        LESSONS[0].title = "another"


def test_the_file_is_read_once():
    assert catalog.lessons() is catalog.lessons()


# --- what the loader refuses


def _toml(content: dict) -> str:
    """TOML for a dict of lists of flat tables; JSON's strings, numbers and lists are TOML's."""
    lines = []
    for table, entries in content.items():
        for entry in entries:
            lines += [f"[[{table}]]", *(f"{key} = {json.dumps(value)}" for key, value in entry.items())]
    return "\n".join(lines)


@pytest.fixture
def content():
    return tomllib.loads((paths.PACKAGE / "catalog.toml").read_text(encoding="utf-8"))


@pytest.fixture
def refused(tmp_path, content):
    """Load the changed content; the sentence it is refused with."""

    def load() -> str:
        file = tmp_path / "catalog.toml"
        file.write_text(_toml(content), encoding="utf-8")
        with pytest.raises(LessonError) as error:
            catalog.load_catalog(file)
        assert str(error.value).startswith(str(file)) and "\n" not in str(error.value)
        return str(error.value).removeprefix(str(file))

    return load


def test_an_unchanged_copy_loads(tmp_path, content):
    file = tmp_path / "catalog.toml"
    file.write_text(_toml(content), encoding="utf-8")
    assert catalog.load_catalog(file).lessons == LESSONS


@pytest.mark.parametrize(
    "key, value, expected",
    [
        ("number", 0, "number is 0: expected a whole number from 1 to 50"),
        ("number", 51, "number is 51: expected a whole number from 1 to 50"),
        ("number", "7", "number is '7': expected a whole number"),
        ("number", True, "number is True: expected a whole number"),
        ("number", 3, "the number 3 is taken: expected each number once"),
        ("number", 9, "stands where lesson 7 belongs"),
        ("slug", "Custom Autograd", "slug is 'Custom Autograd': expected a name such as tensor_mechanics"),
        ("slug", "autograd_engine", "the slug is taken"),
        ("title", "", "title is '': expected one line of text"),
        ("title", " spaced", "title is ' spaced': expected one line of text"),
        ("title", "two\nlines", "expected one line of text"),
        ("phase", 0, "phase is 0: expected a whole number"),
        ("shape", "essay", "shape is 'essay': expected one of build, ladder, investigation, bug hunt, proof"),
        ("length", "epic", "length is 'epic': expected one of short, standard, long"),
        ("difficulty", 11, "difficulty is 11: expected a whole number from 1 to 10"),
        ("difficulty", 7.5, "difficulty is 7.5"),
        (
            "needs",
            ["cuda"],
            "needs is ['cuda']: expected a list of 0 or more different items, each one of triton",
        ),
        ("needs", "triton", "needs is 'triton': expected a list"),
        ("needs", ["triton", "triton"], "different items"),
        ("prerequisites", [7], "builds on lesson 7: expected only lessons before 7"),
        ("prerequisites", [6, 30], "builds on lesson 30: expected only lessons before 7"),
        ("prerequisites", [0], "prerequisites is [0]"),
        ("prerequisites", [6, 6], "different items"),
        ("outcomes", ["write one"], "expected a list of 2 to 4 different items"),
        ("outcomes", ["a b", "a c", "a d", "a e", "a f"], "expected a list of 2 to 4 different items"),
        ("outcomes", ["write one", "a " * 17 + "b"], "text of at most 16 words"),
        ("minutes", 0, "minutes is 0: expected a whole number from 5 to 240"),
        ("hours", 2, "has the unknown key 'hours'"),
    ],
)
def test_a_wrong_value_is_named(content, refused, key, value, expected):
    content["lesson"][6][key] = value
    message = refused()
    assert expected in message and message.startswith(", lesson ")


def test_phases_do_not_go_back(content, refused):
    content["lesson"][7]["phase"], content["lesson"][8]["phase"] = 2, 1
    expected = ", lesson 9 (module_architecture) is in phase 1 after a lesson of phase 2: expected "
    assert refused() == expected + "the lessons of a phase together"


@pytest.mark.parametrize(
    "key", list(tomllib.loads((paths.PACKAGE / "catalog.toml").read_text())["lesson"][0])
)
def test_a_missing_key_is_named(content, refused, key):
    del content["lesson"][6][key]
    message = refused()
    assert f"has no {key!r}: expected" in message
    assert ("at place 7" if key == "number" else "lesson 7") in message


@pytest.mark.parametrize("key", ["number", "title", "question", "capstone"])
def test_a_phase_needs_all_its_keys(content, refused, key):
    del content["phase"][3][key]
    assert f"has no {key!r}" in refused()


def test_a_cycle_is_a_forward_reference(content, refused):
    content["lesson"][1]["prerequisites"] = [3]
    content["lesson"][2]["prerequisites"] = [2]
    assert refused() == (
        ", lesson 2 (gemm_and_broadcasting) builds on lesson 3: expected only lessons before 2"
    )


def test_a_lesson_of_no_phase(content, refused):
    content["lesson"][-1]["phase"] = 11
    assert refused() == ", lesson 50 (rust_versus_pytorch): there is no phase 11: expected 1 to 10"


def test_a_lesson_is_missing_at_the_end(content, refused):
    content["lesson"].pop()
    assert refused() == " ends at lesson 49: expected lessons 1 to 50"


def test_a_lesson_is_missing_in_the_middle(content, refused):
    del content["lesson"][20]
    assert "lesson 22 (cnn_families) stands where lesson 21 belongs" in refused()


def test_phases_out_of_order(content, refused):
    content["phase"].reverse()
    assert "phase 10 (Deployment and special projects) stands at place 1" in refused()


def test_an_empty_phase(content, refused):
    content["phase"].append({**content["phase"][-1], "number": 11})
    assert refused() == ", phase 11 (Deployment and special projects) has no lessons: expected at least one"


def test_a_table_of_another_name(content, refused):
    content["track"] = [{"name": "kernels"}]
    assert "has the unknown key 'track': expected phase, lesson" in refused()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("[[lesson]\n", "is not valid TOML"),
        ("", "has no 'phase'"),
        ("phase = []\nlesson = []\n", "phase is []: expected a list of entries"),
        ("phase = [1]\nlesson = [1]\n", "lesson at place 1 is int: expected a table with number, slug"),
    ],
)
def test_a_file_that_is_no_catalog(tmp_path, text, expected):
    file = tmp_path / "catalog.toml"
    file.write_text(text)
    with pytest.raises(LessonError, match=re.escape(expected)) as error:
        catalog.load_catalog(file)
    assert str(file) in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(
        LessonError, match=r"cannot read .*none\.toml \(No such file or directory\): expected a TOML"
    ):
        catalog.load_catalog(tmp_path / "none.toml")


def test_reading_the_catalog_needs_no_torch(tmp_path):
    code = "import sys; from lesson_support import catalog; catalog.lessons(); print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    assert done.stdout.strip() == "False"
