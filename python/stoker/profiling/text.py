"""A profile as text for a terminal."""

from __future__ import annotations

from stoker.profiling.record import Profile, Reading


def profile_text(profile: Profile) -> str:
    """The verdict, then what it rests on."""
    lines = [profile.verdict.sentence]
    if profile.verdict.remedy:
        lines.append(f"  {profile.verdict.remedy}")
    loader = profile.loader
    lines.append("")
    lines.append(f"{loader.kind} loader {loader.name}".rstrip() + f", work done by: {loader.tier}")
    details = _details(profile)
    if details:
        lines.append(f"  {details}")
    if loader.site:
        lines.append(f"  iterated in {loader.site}")
    rates = [f"{profile.samples_per_s:.0f} samples/s in the loop"]
    if profile.loading_samples_per_s is not None:
        rates.append(f"{profile.loading_samples_per_s:.0f} by the loader alone")
    if profile.trainer is not None:
        rates.append(f"{profile.trainer.samples_per_s:.0f} wanted by the trainer ({profile.trainer.origin})")
    lines.append("  " + ", ".join(rates))
    parts = [f"{part.name} {part.share:.0%}" for part in profile.attribution.parts]
    if parts:
        lines.append(f"  wall time: {', '.join(parts)} ({profile.attribution.share:.1%} attributed)")
    lines += _steps(profile)
    if profile.storage is not None:
        for name, reading in (("cold", profile.storage.cold), ("warm", profile.storage.warm)):
            if reading is not None:
                lines.append(_reading(name, reading))
    lines += _scaling(profile)
    lines += [f"note: {note}" for note in profile.notes]
    return "\n".join(lines)


def _details(profile: Profile) -> str:
    """What tells one loader of a script from another."""
    loader, samples = profile.loader, profile.samples
    found = (
        (samples.dataset_count, "samples in the data set"),
        (loader.batch_size, "a batch"),
        (loader.threads, "threads"),
        (loader.workers, "workers"),
    )
    return ", ".join(f"{count} {what}" for count, what in found if count is not None)


def _steps(profile: Profile) -> list[str]:
    if not profile.steps:
        return []
    rows = [f"  {'step':40}{'p50':>9}{'p95':>9}{'p99':>9}{'ms/sample':>11}{'share':>8}"]
    for step in profile.steps:
        quantiles = (step.cpu_ns.p50, step.cpu_ns.p95, step.cpu_ns.p99)
        shown = "".join(f"{value / 1e6:9.3f}" for value in quantiles)
        rows.append(f"  {step.name[:39]:40}{shown}{step.cpu_ns_per_sample / 1e6:11.3f}{step.share:8.1%}")
    return ["", "CPU ms of one sample, by step", *rows]


def _reading(name: str, reading: Reading) -> str:
    return (
        f"storage, {name}: {reading.bytes_per_s / 1e6:.0f} MB/s, {reading.samples_per_s:.0f} samples/s, "
        f"a file in {reading.latency_ns.p50 / 1e6:.2f} ms (p99 {reading.latency_ns.p99 / 1e6:.2f})"
    )


def _scaling(profile: Profile) -> list[str]:
    scaling = profile.scaling
    if scaling is None or not scaling.points:
        return []
    shown = ", ".join(f"{point.threads}: {point.samples_per_s:.0f}" for point in scaling.points)
    line = f"samples/s by {scaling.unit}: {shown}"
    if scaling.contention is not None and scaling.coherence is not None:
        line += f" (fitted: contention {scaling.contention:.3f}, coherence {scaling.coherence:.4f})"
    return [line]
