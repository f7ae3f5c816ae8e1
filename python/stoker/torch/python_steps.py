"""Whether a pipeline's steps in Python may run on threads of this process."""

from __future__ import annotations

from typing import Any

from stoker.errors import SampleError
from stoker.lowering.plan import Plan
from stoker.lowering.recipe import PythonStep
from stoker.torch.draws import Watch

_MOST_TRIED = 8

# Of samples that are bad whoever loads them.
_NO_JUDGEMENT = {
    "missing",
    "unreadable",
    "not-regular",
    "empty",
    "changed",
    "unknown-format",
    "truncated",
    "corrupt",
}


def refusal_of_steps(plan: Plan) -> str | None:
    """Makes one sample on this thread, and says why torch has to run the pipeline; None where it need not.

    Threads share torch's, NumPy's and random's generators, and a transform may carry some of its own; what
    draws from these would give other numbers in each run. They are set back. A sample that cannot be made
    leaves it to torch to say what is wrong.
    """
    watch = Watch(*(step.subject for step in _steps(plan.samples.recipe.steps) if _keeps_generators(step)))
    run = plan.start(0, threads=0, shares_cores=False, shapes="list", on_error="raise")
    try:
        for index in range(min(_MOST_TRIED, len(plan.samples.source))):
            run.submit([index], 0)
            try:
                run.next()
                break
            except SampleError as problem:
                if problem.code not in _NO_JUDGEMENT:
                    return f"a step in Python on the first sample: {problem.errors[0]['found']}"
        moved = watch.moved()
    finally:
        run.close()
        watch.restore()
    return f"a step in Python drew from {', '.join(moved)}" if moved else None


def _steps(steps: Any) -> list[PythonStep]:
    found: list[PythonStep] = []
    for step in steps:
        found += [step] if isinstance(step, PythonStep) else _steps(getattr(step, "children", ()))
    return found


def _keeps_generators(step: PythonStep) -> bool:
    """Albumentations' own are set for each sample."""
    return not hasattr(step.subject, "set_random_state")
