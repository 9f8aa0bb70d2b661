"""Reports of evaluations as JSON and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict

from facenet_core.cli import shapes
from facenet_core.cli.output import columns, count
from facenet_core.evaluation import (
    AtThreshold,
    Embedded,
    ErrorRates,
    FoldersReport,
    OpenSet,
    OperatingPoint,
    PairsReport,
    Rate,
    Searches,
    Spread,
)

FAILURES_LISTED = 10
"""In the text; JSON has them all."""


def pairs(report: PairsReport) -> tuple[shapes.Shape, list[str]]:
    """The report on a pairs file."""
    given, found, accuracy = report.pairs, report.accuracy, None
    folds = int(given.folds.max()) + 1
    if found:
        thresholds = found.thresholds
        mean = sum(thresholds) / len(thresholds)
        accuracy = {
            "mean": round(found.mean, 6),
            "standard_error": round(found.standard_error, 6),
            "folds": folds,
            "folds_given": given.folds_given,
            "threshold": shapes.distance(mean),
        }
        words = [
            f"Accuracy {found.mean:.2%} ± {found.standard_error:.2%} (mean and standard error of {folds} folds).",
            f"  Each fold at the threshold that is best on the others, {mean:.4f} on average.",
        ]
        if not given.folds_given:
            words.append(f"  The file has no folds: its mated and its non-mated pairs were cut into {folds}, in order.")
    else:
        words = ["Accuracy can't be cross-validated: the file is too short for two folds."]
    data: shapes.Shape = {
        "pairs": len(given.pairs),
        "photos": len(given.photos),
        "accuracy": accuracy
        or {"mean": None, "standard_error": None, "folds": 1, "folds_given": False, "threshold": None},
    }
    head = f"{count(len(given.pairs), 'pair')} of {count(len(given.photos), 'photo')}, compared end to end."
    return (
        data | _rates(report.rates) | _embedded(report.embedded),
        [head, *words, *_rates_lines(report.rates), *_embedded_lines(report.embedded)],
    )


def folders(report: FoldersReport) -> tuple[shapes.Shape, list[str]]:
    """The report on labelled folders."""
    people, photos = len(report.folders.people), len(report.folders.photos)
    data: shapes.Shape = {
        "people": people,
        "photos": photos,
        "open_set": [_open_set(found) for found in report.open_sets],
        "open_set_left_out": [{"people": size, "reason": reason} for size, reason in report.left_out],
        "open_set_thresholds": report.thresholds.origin,
    }
    head = f"{count(people, 'person')} on {count(photos, 'photo')}, each photo held against every other."
    return (
        data | _rates(report.rates) | _embedded(report.embedded),
        [head, *_rates_lines(report.rates), *_open_set_lines(report), *_embedded_lines(report.embedded)],
    )


def _rates(found: ErrorRates) -> shapes.Shape:
    comparisons, app = found.comparisons, found.at_app
    return {
        "mated": len(comparisons.mated),
        "non_mated": len(comparisons.non_mated),
        "eer": round(found.eer.value, 6),
        "eer_interval": _interval(found.eer),
        "eer_threshold": shapes.distance(found.eer_threshold),
        "fnmr_at_fmr": {f"{point.fmr:g}": _point(point) for point in found.points},
        "at_app_threshold": _at_app(app) if app else None,
    }


def _point(point: OperatingPoint) -> shapes.Shape:
    return {
        "fnmr": round(point.fnmr.value, 6) if point.fnmr else None,
        "interval": _interval(point.fnmr) if point.fnmr else None,
        "threshold": shapes.distance(point.threshold),
        "expected_false_matches": round(point.expected, 6),
        "remark": point.remark or None,
    }


def _at_app(app: AtThreshold) -> shapes.Shape:
    return {
        "threshold": shapes.threshold(app.threshold),
        "accuracy": round(app.accuracy, 6),
        "fmr": round(app.fmr.value, 9),
        "fmr_interval": _interval(app.fmr),
        "fnmr": round(app.fnmr.value, 6),
        "fnmr_interval": _interval(app.fnmr),
    }


def _interval(rate: Rate) -> list[float] | None:
    return [round(end, 9) for end in rate.interval] if rate.interval else None


def _open_set(found: OpenSet) -> shapes.Shape:
    return {
        "people": found.people,
        "templates": round(found.templates, 2),
        "mated_searches": round(found.mated, 2),
        "non_mated_searches": round(found.non_mated, 2),
        "at_identify_threshold": _searches(found.identify),
        "at_verify_threshold": _searches(found.verify),
    }


def _searches(found: Searches) -> shapes.Shape:
    return {"threshold": shapes.distance(found.threshold), "fpir": _spread(found.fpir), "fnir": _spread(found.fnir)}


def _spread(found: Spread | None) -> shapes.Shape | None:
    if found is None:
        return None
    return {"mean": round(found.mean, 6), "interval": [round(end, 6) for end in found.interval]}


def _embedded(found: Embedded) -> shapes.Shape:
    return {
        "failures_to_acquire": len(found.failures),
        "failed_photos": [asdict(failure) for failure in found.failures],
        "analysed_photos": found.computed,
        "model": shapes.model(found.model_id),
        "preprocessing": found.model_id.preprocessing,
    }


def _rates_lines(found: ErrorRates) -> Iterator[str]:
    comparisons, app = found.comparisons, found.at_app
    yield f"Mated comparisons: {len(comparisons.mated):,}; non-mated: {len(comparisons.non_mated):,}."
    yield f"EER {_percent(found.eer)}, at {found.eer_threshold:.4f}."
    yield "FNMR at a given FMR (95 % intervals, by resampling people; thresholds chosen anew each time):"
    yield from columns(_row(point) for point in found.points)
    if app:
        yield f"At the app's 1:1 threshold, {app.threshold.distance:.4f}:"
        share = ("accuracy", f"{app.accuracy:.2%}", "(mated and non-mated comparisons counting alike)")
        yield from columns([share, ("FMR", _percent(app.fmr), ""), ("FNMR", _percent(app.fnmr), "")])
    else:
        yield "The app has no 1:1 threshold for this model, so nothing is said about it."


def _row(point: OperatingPoint) -> Sequence[str]:
    if point.fnmr is None or point.threshold is None:
        return f"FMR {point.fmr:g}", "can't say", "", point.remark
    return f"FMR {point.fmr:g}", f"FNMR {_percent(point.fnmr)}", f"at {point.threshold:.4f}", point.remark


def _percent(rate: Rate) -> str:
    digits = 2 if rate.value >= 0.001 or not rate.value else 4
    value = f"{rate.value:.{digits}%}"
    if rate.interval is None:
        return f"{value} (too little for an interval)"
    low, high = rate.interval
    return f"{value} [{low:.{digits}%}, {high:.{digits}%}]"


def _open_set_lines(report: FoldersReport) -> Iterator[str]:
    yield f"Open-set 1:N over random splits, strangers held out; thresholds: {report.thresholds.origin}."
    rows = [
        (
            count(found.people, "person"),
            f"{name} threshold {searches.threshold:.4f}",
            f"FPIR {_range(searches.fpir)}",
            f"FNIR {_range(searches.fnir)}",
        )
        for found in report.open_sets
        for name, searches in (("1:N", found.identify), ("1:1", found.verify))
    ]
    yield from columns(rows)
    for size, reason in report.left_out:
        yield f"  {count(size, 'person')}: left out; {reason}."


def _range(found: Spread | None) -> str:
    if found is None:
        return "unknown: nobody enrolled has another photo"
    low, high = found.interval
    return f"{found.mean:.2%} [{low:.2%}, {high:.2%}]"


def _embedded_lines(found: Embedded) -> Iterator[str]:
    failures = found.failures
    yield (
        f"Failures to acquire: {len(failures):,} of {count(len(found.paths), 'photo')}. "
        "Comparisons with them count as wrong; none was left out."
    )
    yield from columns((failure.photo, failure.reason) for failure in failures[:FAILURES_LISTED])
    if len(failures) > FAILURES_LISTED:
        yield f"  and {len(failures) - FAILURES_LISTED:,} more (--json lists them all)"
    yield f"Model {found.model_id.model} with {found.model_id.preprocessing}."
