"""One figure of the error rates: the DET curve and the distances behind it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import numpy as np

from facenet_core.evaluation.verification import ErrorRates
from facenet_core.metrics import det

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Format = Literal["png", "svg", "pdf"]

MATED, NON_MATED, MARK, GREY = "#0072B2", "#D55E00", "#222222", "#666666"
"""Blue and vermilion are told apart with any colour vision (Okabe and Ito, "Color universal design", 2008)."""

_STYLES = ("--", "-.", ":")


def draw(report: ErrorRates, title: str, file_format: Format) -> bytes:
    """Draws the DET curve and the histogram of distances, with the thresholds marked.

    Args:
        report: What to draw.
        title: One line about model and data.
        file_format: Of the result.

    Returns:
        A file.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    percent = FuncFormatter(lambda value, _: f"{100 * value:g}%")
    figure = Figure(figsize=(11, 5.4), dpi=160, layout="constrained", facecolor="white")
    curve, histogram = figure.subplots(1, 2)
    _draw_det(curve, report)
    _draw_distances(histogram, report)
    for axis in (curve.xaxis, curve.yaxis, histogram.yaxis):
        axis.set_major_formatter(percent)
    for axes in (curve, histogram):
        axes.spines[["top", "right"]].set_visible(False)
        # Below, where it hides nothing.
        axes.legend(frameon=False, fontsize=9, ncols=2, loc="upper left", bbox_to_anchor=(0.0, -0.13))
    # A dollar sign would begin a formula.
    figure.suptitle(title.replace("$", r"\$"), fontsize=12, fontweight="bold")
    target = io.BytesIO()
    figure.savefig(target, format=file_format)
    return target.getvalue()


def _draw_det(axes: Axes, report: ErrorRates) -> None:
    mated, non_mated = report.comparisons.mated, report.comparisons.non_mated
    curve = det(mated, non_mated, 2000)
    least_fmr, least_fnmr = 1 / len(non_mated), 1 / len(mated)
    shown = (curve.fmr > 0) & (curve.fnmr > 0)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlim(least_fmr * 0.8, 1.0)
    axes.set_ylim(least_fnmr * 0.8, 1.0)
    axes.grid(True, which="major", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    diagonal = [max(least_fmr, least_fnmr), 1.0]
    axes.plot(
        diagonal, diagonal, color=GREY, linewidth=0.8, linestyle=":", label=f"equal rates: EER {report.eer.value:.2%}"
    )
    axes.plot(curve.fmr[shown], curve.fnmr[shown], color=MATED, linewidth=2.0, drawstyle="steps-post")
    for point, marker in zip(report.points, "osD", strict=True):
        if point.fnmr and point.fnmr.value > 0:
            label = f"FNMR {point.fnmr.value:.2%} at FMR {100 * point.fmr:g}%"
            axes.plot(point.fmr, point.fnmr.value, marker, color=MARK, markersize=6, linestyle="none", label=label)
            if point.fnmr.interval:
                low, high = point.fnmr.interval
                axes.vlines(point.fmr, max(low, least_fnmr / 2), high, color=MARK, linewidth=1.2)
    app = report.at_app
    if app and app.fmr.value > 0 and app.fnmr.value > 0:
        axes.plot(
            app.fmr.value,
            app.fnmr.value,
            "*",
            color=NON_MATED,
            markersize=13,
            markeredgecolor="white",
            linestyle="none",
            label=f"the app's 1:1 threshold ({app.threshold.distance:.3f})",
        )
    axes.set_xlabel("False match rate (FMR)")
    axes.set_ylabel("False non-match rate (FNMR)")
    axes.set_title("Detection error trade-off", loc="left", fontsize=11)


def _draw_distances(axes: Axes, report: ErrorRates) -> None:
    kinds = (
        ("mated", report.comparisons.mated, MATED),
        ("non-mated", report.comparisons.non_mated, NON_MATED),
    )
    finite = np.concatenate([distances[np.isfinite(distances)] for _, distances, _ in kinds])
    edges = np.linspace(float(finite.min()) - 0.01, float(finite.max()) + 0.01, 61)
    for name, distances, colour in kinds:
        known = distances[np.isfinite(distances)]
        lost = f", {len(distances) - len(known):,} without a face" if len(known) < len(distances) else ""
        heights = np.histogram(known, edges)[0] / len(distances)
        axes.stairs(heights, edges, fill=True, color=colour, alpha=0.25, linewidth=0)
        axes.stairs(heights, edges, color=colour, linewidth=1.8, label=f"{name} ({len(distances):,}{lost})")
    for point, style in zip(report.points, _STYLES, strict=True):
        if point.threshold is not None:
            label = f"FMR {100 * point.fmr:g}%: {point.threshold:.3f}"
            axes.axvline(point.threshold, color=MARK, linewidth=1.2, linestyle=style, label=label)
    if report.at_app:
        at = report.at_app.threshold.distance
        axes.axvline(at, color=MARK, linewidth=2.0, label=f"the app's 1:1 threshold: {at:.3f}")
    axes.set_ylim(bottom=0)
    axes.grid(True, axis="y", color="#dddddd", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_xlabel("Distance")
    axes.set_ylabel("Share of the comparisons of its kind")
    axes.set_title("Distances", loc="left", fontsize=11)
