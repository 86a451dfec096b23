"""Grade one notebook: as many processes, one after the other, as its hangs and deaths cost."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from lesson_support.errors import LessonError
from lesson_support.grading.judging import MISSING, Result, evaluate
from lesson_support.grading.sandbox.launching import Zygote
from lesson_support.grading.sandbox.remote import Lost, Remote, RemoteFunction
from lesson_support.grading.sandbox.values import Unpacker, Unsendable
from lesson_support.grading.sandbox.wire import Garbled
from lesson_support.questions.kinds import Question, Scenario

LIVES = 10  # processes for one notebook
OPEN_SECONDS = 20.0
CELLS = 5000
TEXT = 2000
SEVERITY = ("ok", "missing", "timeout", "died", "protocol", "unreadable")


@dataclass(frozen=True)
class Grade:
    """`results` in the questions' order. `status` is the worst that happened: ok, missing (a question was not
    attempted), timeout, died, protocol (its process sent what is no answer), unreadable; `note` says what and
    where. A cell that failed costs only what it would have defined, and so may stand beside full points."""

    results: tuple[Result, ...]
    status: str
    note: str
    seconds: float


class Session:
    """One notebook."""

    def __init__(self, zygote: Zygote, notebook: bytes, questions: Sequence[Question], seed: int) -> None:
        self.zygote, self.limits = zygote, zygote.limits
        self.notebook, self.questions, self.seed = notebook, questions, seed
        self.results: dict[str, Result] = {}
        self.troubles: dict[str, str] = {}
        self.statuses = {"ok"}
        self.skipped: set[int] = set()
        self.reopened = False
        self.step: tuple[str, int | Question | None] = ("open", None)

    def grade(self) -> Grade:
        started = time.monotonic()
        self.until = started + self.limits.notebook_seconds
        if len(self.notebook) > self.limits.message_bytes:
            self._give_up("unreadable", f"{len(self.notebook) / 1e6:.0f} MB are too large for a notebook")
        for _ in range(LIVES):
            if all(question.name in self.results for question in self.questions):
                break
            self._live()
            if time.monotonic() > self.until:
                told = f"the time for the whole notebook ({self.limits.notebook_seconds:g} s) was over"
                self._give_up("timeout", told)
        else:
            self._give_up("died", f"{LIVES} of its processes ended or hung")
        results = tuple(_cleaned(self.results[question.name]) for question in self.questions)
        self.statuses |= {result.cause for result in results} & set(SEVERITY)
        status = max(self.statuses, key=SEVERITY.index)
        missing = [result.question for result in results if result.cause == "missing"]
        notes = [f"{label}: {trouble}" for label, trouble in self.troubles.items()]
        notes += [f"not attempted: {', '.join(missing)}"] if missing else []
        return Grade(results, status, clean("; ".join(notes)), time.monotonic() - started)

    def _live(self) -> None:
        """One process, until everything is judged or it is lost."""
        remote = Remote(self.zygote.start(), self.limits, self.until)
        lost = None
        try:
            self._run(remote)
            lost = remote.lost
        except Lost as found:
            lost = found
        except Garbled as error:
            lost = Lost("protocol", str(error))
        finally:
            remote.channel.close()
            fate = self.zygote.stop(hung_up=lost is not None and lost.cause == "died")
        if lost is not None:
            self._account(lost, fate)

    def _run(self, remote: Remote) -> None:
        self.step = ("open", None)
        reply, _ = remote.request(OPEN_SECONDS, [self.notebook], type="open")
        if reply.get("type") == "unreadable" and isinstance(reply.get("why"), str):
            return self._give_up("unreadable", reply["why"])
        labels = reply.get("cells")
        if type(labels) is not list or len(labels) > CELLS or any(type(each) is not str for each in labels):
            raise Garbled("a notebook without a list of cells")
        for index, label in enumerate(labels):
            if index not in self.skipped:
                self.step = (f"the cell {label[:64]}", index)
                self._run_cell(remote, index)
        for question in self.questions:
            if question.name not in self.results:
                self.step = (question.name, question)
                self.results[question.name] = self._judge(remote, question)
                if remote.lost:
                    return None
        return None

    def _run_cell(self, remote: Remote, index: int) -> None:
        reply, _ = remote.request(self.limits.cell_seconds, [], type="run", cell=index)
        trouble = reply.get("trouble")
        if reply.get("type") != "ran" or type(trouble) is not str:
            raise Garbled("a cell that did not run and did not fail")
        if trouble:
            self.troubles[self.step[0]] = trouble[:400]

    def _judge(self, remote: Remote, question: Question) -> Result:
        reply, blobs = remote.request(self.limits.call_seconds, [], type="look", name=question.name)
        what, value = reply.get("what"), reply.get("value")
        if reply.get("type") != "found" or what not in ("missing", "function", "value", "other"):
            raise Garbled("a name that is neither there nor missing")
        answer = MISSING
        if what == "function":
            how = {name: getattr(question, name, None) for name in ("items", "through")}
            answer = RemoteFunction(remote, question.name, isinstance(question, Scenario), **how)
        elif what == "value":
            try:
                answer = Unpacker(blobs, limit=self.limits.message_bytes).unpack(value)
            except (RuntimeError, MemoryError):  # what torch and NumPy say to values that cannot be
                raise Garbled("a value that cannot be built") from None
        elif what == "other":
            name = value if type(value) is str and value.isidentifier() else "object"
            answer = type(name, (), {})()
        try:
            result = evaluate(question, answer, self.seed, remote.ask)
        except Unsendable as error:
            raise LessonError(f"{error}: expected a question whose arguments are plain values") from None
        except LessonError:
            raise
        except Exception as error:
            if evaluate(question, question.solution, self.seed).share != 1:
                raise  # the question is at fault, whatever the answer is
            note = f"what it returned cannot be compared ({type(error).__name__})"
            return Result(question.name, question.points, "incorrect", "wrong", note=note)
        if remote.lost and remote.lost.cause != "timeout":
            raise remote.lost
        return result

    def _account(self, lost: Lost, fate: str) -> None:
        """Write down what the process was lost with, so that the next one goes around it."""
        label, step = self.step
        told = {"died": fate or "closed its connection", "protocol": f"answered with {lost.note}"}
        note = told.get(lost.cause, "stopped: it did not end in time")
        if step is not None:
            self.statuses.add(lost.cause)
        if isinstance(step, int):
            self.skipped.add(step)
            self.troubles[label] = note
        elif step is None and not self.reopened:
            self.reopened = (
                True  # nothing of the submission ran: the machine may have been short of something
            )
        elif step is None:
            self._give_up("unreadable", f"a notebook that cannot be opened: its process {note}")
        elif step.name not in self.results:
            self.troubles[label] = note
            self.results[label] = Result(label, step.points, "incorrect", lost.cause, note=note)

    def _give_up(self, cause: str, note: str) -> None:
        """Nothing is left to be asked."""
        self.statuses.add(cause)
        self.troubles["the notebook"] = note
        for question in self.questions:
            if question.name not in self.results:
                status = "not attempted" if cause == "unreadable" else "incorrect"
                result = Result(question.name, question.points, status, cause, note=note)
                self.results[question.name] = result


def clean(text: str) -> str:
    """Text of a submission that can be written anywhere: no lone surrogate, no control character, short."""
    text = text[:TEXT].encode("utf-8", "backslashreplace").decode()
    return "".join(each if each in "\n\t" or each.isprintable() else f"\\x{ord(each):02x}" for each in text)


def _cleaned(result: Result) -> Result:
    texts = {each.name: getattr(result, each.name) for each in fields(result)}
    return replace(result, **{name: clean(text) for name, text in texts.items() if isinstance(text, str)})
