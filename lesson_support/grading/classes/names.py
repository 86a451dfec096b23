"""Names that students choose, made safe to show, to sort and to use as file names."""

import hashlib
import re
import unicodedata

PLAIN = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}[a-z0-9]|[a-z0-9]")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?")  # what Windows keeps for itself


def visible(text: str, keep: str = "") -> str:
    """`text` in composed Unicode, with what is invisible or turns the writing direction spelled out: a name
    cannot pass for another one, and every result can be written as UTF-8."""
    composed = unicodedata.normalize("NFC", text)
    return "".join(each if each in keep or _shows(each) else _spelled(each) for each in composed)


def _shows(character: str) -> bool:
    return unicodedata.category(character)[0] != "C" and character not in "\u2028\u2029"


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def folded(text: str) -> str:
    """The form in which two spellings of one name are equal: composed, one kind of case, single blanks."""
    return unicodedata.normalize("NFC", " ".join(unicodedata.normalize("NFC", text).casefold().split()))


def file_stem(student: str) -> str:
    """A file name for a student, different for different students on every file system."""
    if PLAIN.fullmatch(student) and not RESERVED.fullmatch(student) and "--" not in student:
        return student
    readable = re.sub(r"[^a-z0-9]+", "-", student.lower()).strip("-")[:40]
    digest = hashlib.sha256(student.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{readable}--{digest}"  # two hyphens: never equal to a plain name
