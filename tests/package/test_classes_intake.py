"""Intake: who handed in what, in every layout, and what a hostile archive cannot do."""

import os
import struct
import unicodedata
import zipfile
from datetime import UTC, datetime

import pytest

from lesson_support.errors import LessonError
from lesson_support.grading.classes import archives, containers
from lesson_support.grading.classes.containers import Unreadable
from lesson_support.grading.classes.intake import absent, collect
from lesson_support.grading.classes.names import file_stem, folded, visible
from tests.package.classes_standin import hand_in

NAME = "01_tensor_mechanics.ipynb"


@pytest.fixture(scope="module")
def second():
    from lesson_support import catalog

    return f"{catalog.lesson_entry(2).stem}.ipynb"


def lay(root, *paths):
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)
    return root


def packed(file, *paths):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.writestr(path, path)
    return file


def pairs(intake):
    return [(each.student, each.lesson) for each in intake.submissions]


LAYOUTS = {
    "tree": (["ann/01_tensor_mechanics.ipynb", "bob/01_tensor_mechanics.ipynb"], ["ann", "bob"]),
    "tree in a wrapper": (
        ["export/ann/01_tensor_mechanics.ipynb", "export/bob/01_tensor_mechanics.ipynb"],
        ["ann", "bob"],
    ),
    "tree with folders below": (
        ["ann/exercises/01_tensor_mechanics.ipynb", "bob/work/01_tensor_mechanics.ipynb"],
        ["ann", "bob"],
    ),
    "one student": (["ann/01_tensor_mechanics.ipynb"], ["ann"]),
    "one student, folders below": (["ann/work/01_tensor_mechanics.ipynb"], ["ann"]),
    "flat": (["ann_01_tensor_mechanics.ipynb", "b-o.b_01_tensor_mechanics.ipynb"], ["ann", "b-o.b"]),
    "flat in a wrapper": (
        ["all/ann_01_tensor_mechanics.ipynb", "all/bob_01_tensor_mechanics.ipynb"],
        ["ann", "bob"],
    ),
    "digits in names": (["s2_01_tensor_mechanics.ipynb", "123_01_tensor_mechanics.ipynb"], ["123", "s2"]),
    "Moodle folders": (
        [
            "Ann Lee_12345_assignsubmission_file_/01_tensor_mechanics.ipynb",
            "Ann Lee_67890_assignsubmission_file_/01_tensor_mechanics.ipynb",
        ],
        ["Ann Lee_12345", "Ann Lee_67890"],
    ),
    "one Moodle folder": (
        ["Ann Lee_12345_assignsubmission_file_/01_tensor_mechanics.ipynb"],
        ["Ann Lee_12345"],
    ),
    "Moodle, flat": (["Ann Lee_12345_assignsubmission_file_01_tensor_mechanics.ipynb"], ["Ann Lee_12345"]),
    "Canvas": (
        ["leeann_123_456_01_tensor_mechanics.ipynb", "raybob_LATE_77_456_01_tensor_mechanics-1.ipynb"],
        ["leeann_123", "raybob_77"],
    ),
    "a file name that plays another student, Canvas": (
        ["leeann_123_456_raybob_77_9_01_tensor_mechanics.ipynb", "raybob_77_457_01_tensor_mechanics.ipynb"],
        ["leeann_123", "raybob_77"],
    ),
    "a file name that plays another student, Moodle": (
        ["Ann_1_assignsubmission_file_Bob_2_assignsubmission_file_01_tensor_mechanics.ipynb"],
        ["Ann_1"],
    ),
    "a file name that plays another student, tree": (
        ["ann/bob_01_tensor_mechanics.ipynb", "bob/01_tensor_mechanics.ipynb"],
        ["ann", "bob"],
    ),
    "hyphens, capitals, a short name": (
        ["ann/01-Tensor-Mechanics.ipynb", "bob/01.IPYNB", "cat/01_my answer.ipynb"],
        ["ann", "bob", "cat"],
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_every_layout(tmp_path, layout, zipped):
    paths, expected = LAYOUTS[layout]
    place = packed(tmp_path / "a.zip", *paths) if zipped else lay(tmp_path / "in", *paths)
    intake = collect(place)
    assert pairs(intake) == [(student, 1) for student in expected]
    assert intake.problems == ()
    origins = {each.origin for each in intake.submissions}
    assert origins == set(paths)
    assert {each.read() for each in intake.submissions} == {path.encode() for path in paths}


def test_several_lessons_and_what_is_missing(tmp_path, second):
    intake = collect(lay(tmp_path, f"ann/{NAME}", f"ann/{second}", f"bob/{second}"))
    assert pairs(intake) == [("ann", 1), ("ann", 2), ("bob", 2)]
    assert absent(intake) == [("bob", 1)]


def test_of_two_lessons_in_a_file_name_the_last_counts(tmp_path, second):
    intake = collect(lay(tmp_path, f"ann_01_tensor_mechanics_{second}"))
    assert pairs(intake) == [("ann_01_tensor_mechanics", 2)]


def test_lessons_in_folders_of_one_student_are_not_students(tmp_path, second):
    intake = collect(lay(tmp_path, f"ann/01_x/{NAME}", f"ann/02_y/{second}"))
    assert pairs(intake) == [("ann", 1), ("ann", 2)]


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_the_newest_of_several_is_graded_and_the_others_are_named(tmp_path, zipped):
    paths = [f"ann/{NAME}", "ann/01_tensor_mechanics-2.ipynb", "ann/01_tensor_mechanics (1).ipynb"]
    intake = collect(packed(tmp_path / "a.zip", *paths) if zipped else lay(tmp_path / "in", *paths))
    (only,) = intake.submissions
    assert only.origin == "ann/01_tensor_mechanics-2.ipynb"
    (problem,) = intake.problems
    assert "newest of 3" in problem and NAME in problem and "(1)" in problem


def test_of_equal_attempts_the_later_file_is_graded(tmp_path):
    lay(tmp_path, f"ann/b/{NAME}", f"ann/a/{NAME}", f"bob/{NAME}")
    os.utime(tmp_path / "ann/b" / NAME, (10**9, 10**9))
    only, _ = collect(tmp_path).submissions
    assert only.origin == f"ann/a/{NAME}"
    os.utime(tmp_path / "ann/a" / NAME, (10**8, 10**8))
    only, _ = collect(tmp_path).submissions
    assert only.origin == f"ann/b/{NAME}"
    assert only.submitted == datetime.fromtimestamp(10**9, UTC) and only.clock == "file"


def test_a_name_that_stands_twice_in_a_zip_is_one_submission(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        file = packed(tmp_path / "a.zip", f"ann/{NAME}", f"ann/{NAME}")
    intake = collect(file)
    assert len(intake.submissions) == 1 and "newest of 2" in intake.problems[0]


def test_clutter_is_passed_over_and_the_rest_is_named(tmp_path):
    lay(
        tmp_path,
        f"ann/{NAME}",
        "__MACOSX/ann/._01_tensor_mechanics.ipynb",
        f"ann/.ipynb_checkpoints/{NAME}",
        "ann/.DS_Store",
        "ann/essay.pdf",
        "bob/solution.zip",
        "cat/thoughts.ipynb",
        "loose.ipynb",
        NAME,
    )
    intake = collect(tmp_path)
    assert pairs(intake) == [("ann", 1)]
    told = "\n".join(intake.problems)
    assert "essay.pdf" in told and "bob/solution.zip is an archive" in told
    assert "cat/thoughts.ipynb names no lesson" in told and "loose.ipynb names no lesson" in told
    assert f"{NAME} names no student" in told
    assert "checkpoint" not in told and "DS_Store" not in told and "MACOSX" not in told


@pytest.mark.parametrize("zipped", [False, True], ids=["folder", "zip"])
def test_an_empty_folder_is_said(tmp_path, zipped):
    lay(tmp_path / "in", f"ann/{NAME}", "cat/essay.pdf")
    (tmp_path / "in" / "bob").mkdir()
    (tmp_path / "in" / ".git").mkdir()
    place = tmp_path / "in"
    if zipped:
        place = tmp_path / "a.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for path in sorted((tmp_path / "in").rglob("*")):
                archive.write(path, path.relative_to(tmp_path / "in"))
    assert [each for each in collect(place).problems if "empty" in each] == ["bob is an empty folder"]


def test_composed_and_decomposed_names_are_one_student(tmp_path):
    name = "Zoë"
    composed, decomposed = (unicodedata.normalize(form, name) for form in ("NFC", "NFD"))
    assert composed != decomposed
    intake = collect(packed(tmp_path / "a.zip", f"{composed}/{NAME}", f"{decomposed}/01_x.ipynb"))
    assert pairs(intake) == [(composed, 1)] and "newest of 2" in intake.problems[0]


def test_invisible_characters_do_not_make_one_student_another(tmp_path):
    intake = collect(lay(tmp_path, f"ann/{NAME}", f"an\u200bn/{NAME}", f"\u202enna/{NAME}"))
    assert [each.student for each in intake.submissions] == ["\\u202enna", "an\\u200bn", "ann"]


@pytest.mark.skipif(os.name != "posix", reason="names are bytes only there")
def test_a_name_that_is_no_text_is_shown_and_graded(tmp_path):
    folder = os.fsencode(tmp_path) + b"/\xff\xfe"
    os.mkdir(folder)
    with open(folder + b"/" + NAME.encode(), "wb") as file:
        file.write(b"{}")
    (only,) = collect(tmp_path).submissions
    assert only.student == "\\udcff\\udcfe" and only.read() == b"{}"
    only.student.encode("utf-8")


# links and other things that are no files


def test_no_link_is_followed(tmp_path):
    outside = lay(tmp_path / "outside", "secret.ipynb", f"zed/{NAME}")
    inside = lay(tmp_path / "in", f"ann/{NAME}")
    (inside / "bob").mkdir()
    (inside / "bob" / NAME).symlink_to(outside / "secret.ipynb")
    (inside / "zed").symlink_to(outside / "zed")
    (inside / "loop").symlink_to(inside)
    intake = collect(inside)
    assert pairs(intake) == [("ann", 1)]
    links = [problem for problem in intake.problems if "symbolic link" in problem]
    assert [problem.split()[0] for problem in links] == [f"bob/{NAME}", "loop", "zed"]


@pytest.mark.parametrize("level", ["file", "folder"])
def test_a_link_that_comes_after_the_listing_is_not_followed(tmp_path, level):
    outside = lay(tmp_path / "outside", NAME)
    inside = lay(tmp_path / "in", f"ann/{NAME}")
    (only,) = collect(inside).submissions
    if level == "file":
        (inside / "ann" / NAME).unlink()
        (inside / "ann" / NAME).symlink_to(outside / NAME)
    else:
        (inside / "ann").rename(inside / "gone")
        (inside / "ann").symlink_to(outside)
    with pytest.raises(Unreadable, match="link"):
        only.read()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes with names")
def test_a_pipe_is_not_opened(tmp_path):
    lay(tmp_path, f"ann/{NAME}", f"bob/{NAME}")
    os.mkfifo(tmp_path / "ann" / "01_tensor_mechanics-1.ipynb")
    intake = collect(tmp_path)
    assert len(intake.submissions) == 2 and "neither a file nor a folder" in intake.problems[0]
    (tmp_path / "bob" / NAME).unlink()
    os.mkfifo(tmp_path / "bob" / NAME)
    with pytest.raises(Unreadable, match="regular"):
        intake.submissions[1].read()


def test_the_submissions_themselves_may_be_reached_by_a_link(tmp_path):
    lay(tmp_path / "in", f"ann/{NAME}")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    (only,) = collect(tmp_path / "link").submissions
    assert only.read() == f"ann/{NAME}".encode()


def test_too_deep_is_said(tmp_path):
    intake = collect(lay(tmp_path, "/".join([*"abcdefghijklmnop", NAME])))
    assert intake.submissions == () and "folders deep" in intake.problems[0]


# hostile archives


def entry(file, name, content=b"{}", *, mode=None, flags=0, when=(2026, 12, 1, 10, 0, 0), extra=b""):
    info = zipfile.ZipInfo(name, when)
    info.extra = extra
    if mode is not None:
        info.create_system, info.external_attr = 3, mode << 16
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(info, content, zipfile.ZIP_DEFLATED)


@pytest.mark.parametrize(
    "name",
    [
        f"../ann/{NAME}",
        f"bob/../../ann/{NAME}",
        f"bob/../ann/{NAME}",
        f"/etc/ann/{NAME}",
        f"C:/ann/{NAME}",
        f"C:\\ann\\{NAME}",
        f"..\\ann\\{NAME}",
        f"\\\\server\\ann\\{NAME}",
    ],
)
def test_a_place_outside_the_archive_is_refused(tmp_path, name):
    file = packed(tmp_path / "a.zip", f"zoe/{NAME}")
    entry(file, name)
    intake = collect(file)
    assert pairs(intake) == [("zoe", 1)] and "outside the archive" in intake.problems[0]
    assert not (tmp_path / "ann").exists()


def test_backslashes_separate_folders(tmp_path):
    file = packed(tmp_path / "a.zip", f"zoe/{NAME}")
    entry(file, f"ann\\{NAME}")
    assert pairs(collect(file)) == [("ann", 1), ("zoe", 1)]


def test_a_link_in_an_archive_is_not_followed(tmp_path):
    file = packed(tmp_path / "a.zip", f"zoe/{NAME}")
    entry(file, f"ann/{NAME}", b"/etc/passwd", mode=0o120777)
    intake = collect(file)
    assert pairs(intake) == [("zoe", 1)] and f"ann/{NAME} is a symbolic link" in intake.problems[0]


def test_an_archive_in_an_archive_is_refused_with_a_sentence(tmp_path):
    intake = collect(packed(tmp_path / "a.zip", f"zoe/{NAME}", "ann/all.ZIP", "bob/all.tar.gz"))
    assert pairs(intake) == [("zoe", 1)]
    assert [problem.split()[0] for problem in intake.problems] == ["ann/all.ZIP", "bob/all.tar.gz"]
    assert all("unpack it first" in problem for problem in intake.problems)


def test_a_bomb_costs_its_own_submission_only(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "LARGEST_NOTEBOOK", 2**20)
    monkeypatch.setattr(archives, "LARGEST_NOTEBOOK", 2**20)
    file = packed(tmp_path / "a.zip", f"zoe/{NAME}")
    entry(file, f"ann/{NAME}", bytes(2**20 + 1))
    ann, zoe = collect(file).submissions
    with pytest.raises(Unreadable, match="larger than 1 MB"):
        ann.read()
    assert zoe.read() == f"zoe/{NAME}".encode()
    big = hand_in(tmp_path / "in", "ann")
    big.write_bytes(bytes(2**20 + 1))
    with pytest.raises(Unreadable, match="larger than 1 MB"):
        collect(tmp_path / "in").submissions[0].read()


def test_an_archive_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    file = packed(tmp_path / "a.zip", f"ann/{NAME}", f"bob/{NAME}")
    monkeypatch.setattr(archives, "LARGEST_TOTAL", 30)
    with pytest.raises(LessonError, match="unpack to more than"):
        collect(file)


def test_too_many_files_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(containers, "MOST_FILES", 3)
    assert len(collect(lay(tmp_path, *(f"{name}/{NAME}" for name in "abc"))).submissions) == 3
    with pytest.raises(LessonError, match="more than 3 files"):
        collect(lay(tmp_path, f"d/{NAME}"))


def test_damage_and_passwords_cost_one_submission(tmp_path):
    file = tmp_path / "a.zip"
    for student in ("ann", "bob", "zoe"):
        entry(file, f"{student}/{NAME}", os.urandom(300))
    content = bytearray(file.read_bytes())
    first = content.index(b"ann/" + NAME.encode()) + len(NAME) + 4
    content[first + 20 : first + 40] = bytes(20)
    at = content.rindex(b"bob/" + NAME.encode()) - 46  # its line in the central directory
    content[at + 8] |= 1
    file.write_bytes(content)
    ann, bob, zoe = collect(file).submissions
    with pytest.raises(Unreadable, match="unpacked"):
        ann.read()
    with pytest.raises(Unreadable, match="encrypted"):
        bob.read()
    assert len(zoe.read()) == 300


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"plain text"])
def test_what_is_no_zip_is_one_sentence(tmp_path, content):
    file = tmp_path / "class.zip"
    file.write_bytes(content)
    with pytest.raises(LessonError, match="expected a folder or a zip"):
        collect(file)


def test_nothing_there_is_one_sentence(tmp_path):
    with pytest.raises(LessonError, match="there is no"):
        collect(tmp_path / "nowhere")
    assert collect(tmp_path).submissions == ()


def test_a_zip_that_forgets_to_say_utf8(tmp_path):
    file = packed(tmp_path / "a.zip", f"Zoë/{NAME}")
    content = bytearray(file.read_bytes())
    for at in (6, content.rindex(b"PK\x01\x02") + 8):
        flags = struct.unpack_from("<H", content, at)[0]
        struct.pack_into("<H", content, at, flags & ~0x800)
    file.write_bytes(content)
    assert [each.student for each in collect(file).submissions] == ["Zoë"]


def test_the_clock_of_an_archive(tmp_path):
    file = tmp_path / "a.zip"
    stamp = int(datetime(2026, 12, 1, 9, tzinfo=UTC).timestamp())
    entry(file, f"ann/{NAME}", when=(2026, 12, 1, 10, 0, 0))
    entry(file, f"bob/{NAME}", extra=struct.pack("<HHBi", 0x5455, 5, 1, stamp))
    entry(file, f"cat/{NAME}", when=(1980, 1, 1, 0, 0, 0))
    ann, bob, cat = collect(file).submissions
    assert ann.submitted == datetime(2026, 12, 1, 10) and ann.clock == "archive"
    assert bob.submitted == datetime(2026, 12, 1, 9, tzinfo=UTC)
    assert cat.submitted is None and cat.clock == ""


# the roster


def roster(tmp_path, text, encoding="utf-8"):
    file = tmp_path / "roster.csv"
    file.write_bytes(text.encode(encoding))
    return file


def test_a_roster_gives_ids_names_and_says_who_is_unknown_or_missing(tmp_path):
    paths = [
        "leeann_123_456_01_tensor_mechanics.ipynb",
        "zed_LATE_9_456_01_tensor_mechanics.ipynb",
        "Bob Ray_5_assignsubmission_file_01_tensor_mechanics.ipynb",
    ]
    people = roster(tmp_path, "student,name,lms\ns1,Ann Lee,leeann|12\ns2,Bob Ray,\ns3,Cat,77\n")
    intake = collect(lay(tmp_path / "in", *paths), roster=people)
    assert pairs(intake) == [("s1", 1), ("s2", 1), ("zed_9", 1)]
    assert intake.students == {"s1": "Ann Lee", "s2": "Bob Ray", "s3": "Cat", "zed_9": "zed_9"}
    assert intake.problems == ("zed_9 is not on the roster, and was graded",)
    assert absent(intake) == [("s3", 1)]
    assert intake.submissions[2].note == "marked LATE by the learning platform"


SPREADSHEETS = ["student;name\ns1;Ann\n", "Student , NAME\r\n s1 , Ann \r\n", "student\tname\ns1\tAnn\n"]


@pytest.mark.parametrize("text", SPREADSHEETS)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_rosters_as_spreadsheets_write_them(tmp_path, text, encoding):
    intake = collect(lay(tmp_path / "in", f"S1/{NAME}"), roster=roster(tmp_path, text, encoding))
    assert pairs(intake) == [("s1", 1)] and intake.students == {"s1": "Ann"}


def test_a_roster_finds_the_student_at_any_depth(tmp_path):
    place = lay(
        tmp_path / "in", f"submitted/ann/ps1/{NAME}", "hw/bob_01_tensor_mechanics.ipynb", f"cat/eve/{NAME}"
    )
    intake = collect(place, roster=roster(tmp_path, "student\nann\nbob\ncat\n"))
    assert pairs(intake) == [("ann", 1), ("bob", 1), ("cat", 1)] and intake.problems == ()


def test_two_people_of_one_name_are_not_mixed(tmp_path):
    people = roster(tmp_path, "student,name,lms\ns1,Ann Lee,12\ns2,Ann Lee,\n")
    place = lay(
        tmp_path / "in",
        f"Ann Lee_12_assignsubmission_file_/{NAME}",
        f"Ann Lee_13_assignsubmission_file_/{NAME}",
    )
    assert pairs(collect(place, roster=people)) == [("Ann Lee_13", 1), ("s1", 1)]


def test_times_from_the_roster(tmp_path):
    people = roster(
        tmp_path,
        "student,submitted,submitted_01\nann,2026-01-01T10:00+01:00,2026-02-02\nbob,2026-01-01,\ncat,,\n",
    )
    place = lay(tmp_path / "in", f"ann/{NAME}", f"bob/{NAME}", f"cat/{NAME}")
    ann, bob, cat = collect(place, roster=people).submissions
    assert (ann.submitted, ann.clock) == (datetime(2026, 2, 2), "roster")
    assert bob.submitted == datetime(2026, 1, 1) and cat.clock == "file"


@pytest.mark.parametrize(
    "text, words",
    [
        ("", "no column 'student'"),
        ("studnt,name\n", "no column 'student'"),
        ("student,name\nann,A\nbob,B\nann,C\n", "lists ann twice, in lines 2 and 4"),
        ("student,lms\nann,7\nbob,7\n", "gives 7 to ann .line 2. and to bob .line 3."),
        ("student,lms\nann,bob\nbob,\n", "gives bob to ann"),
        ("student,name\n,Ann\n", "line 2 has no student"),
        ("student,submitted\nann,tomorrow\n", "line 2: 'tomorrow' is no time"),
        ("student,name\nann,A,B\n", "line 2 has 3 cells"),
        ("student,student\nann,A\n", "'student' twice"),
        ('student,name\nann,"A\n', "is not a table"),
    ],
)
def test_a_roster_that_cannot_be_used_is_one_sentence(tmp_path, text, words):
    with pytest.raises(LessonError, match=words):
        collect(lay(tmp_path / "in", f"ann/{NAME}"), roster=roster(tmp_path, text))


def test_a_roster_in_another_encoding_or_none(tmp_path):
    with pytest.raises(LessonError, match="not UTF-8"):
        collect(tmp_path, roster=roster(tmp_path, "student\nZoë\n", "latin-1"))
    with pytest.raises(LessonError, match="cannot read"):
        collect(tmp_path, roster=tmp_path / "none.csv")


# names


def test_file_names_differ_for_different_students():
    names = [
        "ann",
        "Ann",
        "ANN",
        "a/nn",
        "../ann",
        "con",
        "nul.txt",
        "",
        ".",
        "Zoë",
        "Zoé",
        "x" * 300,
        "ann--0",
    ]
    names += [f"ann--{file_stem('Ann').partition('--')[2]}", "ann ", " ann", "лена", "李"]
    stems = [file_stem(name) for name in names]
    assert len({stem.lower() for stem in stems}) == len(names)
    for stem in stems:
        assert stem.isascii() and len(stem) <= 64 and not set(stem) & set('/\\:*?"<>| ') and stem[0] != "."
    assert file_stem("ann") == "ann" and file_stem("con") != "con"


def test_visible_spells_out_what_is_not():
    assert visible("a\u202eb\x00\n") == "a\\u202eb\\u0000\\u000a"
    assert visible("a\tb\nc", keep="\n\t") == "a\tb\nc"
    assert visible("\U000e0041") == "\\U000e0041"
    assert folded("  ANN\u00a0 Straße ") == folded("ann strasse")


def test_an_archive_is_read_in_place(tmp_path, monkeypatch):
    file = packed(tmp_path / "a.zip", f"ann/{NAME}", f"bob/{NAME}")
    monkeypatch.chdir(tmp_path)
    assert {each.read().decode() for each in collect(file).submissions} == {f"ann/{NAME}", f"bob/{NAME}"}
    assert list(tmp_path.iterdir()) == [file]
