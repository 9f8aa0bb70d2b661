"""The Accuracy page's charts. Kinds are told apart by dashes and words, not by colour alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

import altair as alt
import numpy as np
import streamlit as st

from facenet_core.metrics import Distances
from facenet_core.survey import Point, Survey
from facenet_core.types import Threshold
from facenet_core.ui.components import SCALE_END, UNSURE

MATED, NON_MATED, SHIPPED, OWN = "#009e73", "#cc79a7", "#2b8cd6", "#d9730d"
"""Told apart with any colour vision, and seen on white and on black."""

INK = {"light": "#1b2430", "dark": "#e6eaf0"}

BIN = 0.05
"""Width of the histogram's bars, in distance."""

HEIGHT = 360

_ONE_IN = "'1 in ' + format(round(1 / datum.value), ',')"
_FRACTIONS = [10.0**-n for n in range(1, 8)]
_SHARES = [x * 10.0**-n for n in range(1, 5) for x in (5, 2, 1)]

SAME_PERSON, OTHERS = "photos of one person", "photos of different people"
COUNTED, ESTIMATED, YOURS = "shipped, counted", "shipped, estimated", "your people"

Row = dict[str, Any]


def histogram(found: Survey, verify: Threshold | None, identify: Threshold | None) -> None:
    """How far apart photos of one person and photos of different people are."""
    end = max(SCALE_END, float(found.non_mated[-1]) if len(found.non_mated) else 0.0)
    edges = np.arange(0.0, end + 2 * BIN, BIN)
    kinds = {SAME_PERSON: found.mated, OTHERS: found.non_mated}
    rows = [row for kind, distances in kinds.items() for row in _steps(kind, distances, edges)]
    top = 1.25 * max((row["share"] for row in rows), default=1.0)  # room for the thresholds' names
    legend = alt.Legend(orient="top", title=None, labelLimit=0, symbolType="stroke", columns=1)
    shape = (
        _chart(rows)
        .mark_area(interpolate="step-after", line={"strokeWidth": 2}, fillOpacity=0.22)
        .encode(
            x=alt.X("x:Q", title="Distance", scale=alt.Scale(domain=[0, edges[-1]], nice=False)),
            y=alt.Y(
                "share:Q",
                title="Share of them",
                axis=alt.Axis(format=".0%", tickCount=5),
                scale=alt.Scale(domain=[0, top], nice=False),
                stack=None,
            ),
            color=alt.Color("kind:N", scale=_scale({SAME_PERSON: MATED, OTHERS: NON_MATED}), legend=legend),
            strokeDash=alt.StrokeDash("kind:N", scale=_scale({SAME_PERSON: [1, 0], OTHERS: [5, 3]}), legend=legend),
            tooltip=[alt.Tooltip("kind:N", title="Of"), "range:N", alt.Tooltip("share:Q", format=".1%")],
        )
    )
    layers: list[alt.Chart] = [shape]
    if verify and verify.inconclusive > verify.distance:
        band = [{"x": verify.distance, "x2": verify.inconclusive}]
        layers.insert(0, _chart(band).mark_rect(color=UNSURE, opacity=0.22).encode(x="x:Q", x2="x2:Q"))
    if identify and not (verify and _reads_the_same(identify, verify)):
        layers += _threshold(identify.distance, f"Recognise {identify.distance:.2f}", [2, 2], 26, left=True)
    if verify:
        both = bool(identify and _reads_the_same(identify, verify))
        name = f"{'Verify, Recognise' if both else 'Verify'} {verify.distance:.2f}"
        layers += _threshold(verify.distance, name, [1, 0], 10, left=True)
        if verify.inconclusive > verify.distance:
            layers.append(_label(verify.inconclusive, "◂ can't tell", 10, left=False))
    st.altair_chart(
        alt.layer(*layers).properties(height=HEIGHT),
        width="stretch",
        alt=f"Histogram of the distances of {len(found.mated):,} pairs of photos of one person and "
        f"{len(found.non_mated):,} of different people, with the thresholds",
    )


def strangers(found: Survey, shipped: Iterable[Point], threshold: Threshold) -> None:
    """How rare it is that strangers are so close: as shipped, and here."""
    lines: list[Row] = [
        {"x": p.distance, "y": p.fmr, "kind": COUNTED if p.basis == "measured" else ESTIMATED} for p in shipped
    ]
    here: list[Row] = [
        {"x": r.distance, "y": r.share or None, "low": max(r.low, _least(found)), "high": r.high, "kind": YOURS}
        for r in found.rates
    ]
    x = alt.X("x:Q", title="Distance", scale=alt.Scale(zero=False, nice=False))
    least = min(r["y"] for r in lines)
    y = alt.Y(
        "y:Q",
        title="Strangers this close",
        scale=alt.Scale(type="log", domain=[least, 1.0], nice=False, clamp=True),
        axis=alt.Axis(values=[x for x in _FRACTIONS if x >= least], labelExpr=_ONE_IN),
    )
    # The dashed line ends where the other begins.
    lines.append({**next(r for r in lines if r["kind"] == COUNTED), "kind": ESTIMATED})
    kinds = {COUNTED: SHIPPED, ESTIMATED: SHIPPED, YOURS: OWN}
    layers = [
        _chart(lines).mark_line(strokeWidth=2.5).encode(x=x, y=y, **_kind(kinds)),
        _chart(here).mark_rule(strokeWidth=2, color=OWN).encode(x="x:Q", y="low:Q", y2="high:Q"),
        _chart([r for r in here if r["y"]])
        .mark_point(size=70, filled=True, shape="diamond", color=OWN, opacity=1)
        .encode(x="x:Q", y="y:Q"),
        *_threshold(threshold.distance, f"Verify {threshold.distance:.2f}", [1, 0], 10, left=True),
    ]
    st.altair_chart(
        alt.layer(*layers).properties(height=HEIGHT),
        width="stretch",
        alt="How rare it is that strangers are so close, by distance: as shipped, and among your people with the "
        "95 % interval",
    )


def det(found: Survey, shipped: Iterable[Point], now: Point | None) -> None:
    """The trade-off between letting strangers in and turning true visitors away."""
    rows: list[Row] = [
        {"x": p.fmr, "y": p.fnmr, "kind": COUNTED if p.basis == "measured" else ESTIMATED} for p in shipped if p.fnmr
    ]
    if curve := found.det:
        own = zip(curve.fmr.tolist(), curve.fnmr.tolist(), strict=True)
        rows += [{"x": x, "y": y, "kind": YOURS} for x, y in own if x > 0 and y > 0]
    x = alt.X(
        "x:Q",
        title="Strangers let in",
        scale=alt.Scale(type="log", nice=False, domain=[min(r["x"] for r in rows), 1.0]),
        axis=alt.Axis(values=_FRACTIONS, labelExpr=_ONE_IN, labelOverlap="greedy"),
    )
    y = alt.Y(
        "y:Q",
        title="True visitors turned away",
        scale=alt.Scale(type="log", nice=False, domain=[min(r["y"] for r in rows), 1.0]),
        axis=alt.Axis(values=_SHARES, format="~%"),
    )
    kinds = {COUNTED: SHIPPED, ESTIMATED: SHIPPED, **({YOURS: OWN} if curve else {})}
    layers = [_chart(rows).mark_line(strokeWidth=2.5).encode(x=x, y=y, order="x:Q", **_kind(kinds))]
    if now and now.fnmr:
        point = _chart([{"x": now.fmr, "y": now.fnmr, "label": f"now, at {now.distance:.2f}"}]).encode(x="x:Q", y="y:Q")
        layers.append(point.mark_point(size=130, filled=True, shape="circle", color=_ink(), opacity=1))
        layers.append(point.mark_text(dx=9, dy=-9, align="left", color=_ink()).encode(text="label:N"))
    st.altair_chart(
        alt.layer(*layers).properties(height=HEIGHT),
        width="stretch",
        alt="DET curve: the share of true visitors turned away, by the share of strangers let in, with the current "
        "threshold",
    )


def _steps(kind: str, distances: Distances, edges: np.ndarray[Any, Any]) -> Iterable[Row]:
    if not len(distances):
        return
    shares = np.append(np.histogram(distances, edges)[0] / len(distances), 0.0)
    for x, share in zip(edges.tolist(), shares.tolist(), strict=True):
        yield {"x": x, "share": share, "kind": kind, "range": f"{x:.2f} to {x + BIN:.2f}"}


def _chart(rows: list[Row]) -> alt.Chart:
    return alt.Chart(alt.InlineData(values=rows))


def _scale(kinds: Mapping[str, Any]) -> alt.Scale:
    return alt.Scale(domain=list(kinds), range=list(kinds.values()))


def _kind(colours: Mapping[str, str]) -> dict[str, Any]:
    """Colour and dashes of the kinds of lines, in one legend."""
    legend = alt.Legend(orient="top", title=None, labelLimit=0, symbolType="stroke", columns=1)
    dashes = {COUNTED: [1, 0], ESTIMATED: [3, 4], YOURS: [8, 3]}
    return {
        "color": alt.Color("kind:N", scale=_scale(colours), legend=legend),
        "strokeDash": alt.StrokeDash("kind:N", scale=_scale({k: dashes[k] for k in colours}), legend=legend),
    }


def _threshold(at: float, name: str, dash: list[int], y: int, *, left: bool) -> list[alt.Chart]:
    # From its name downwards, so that it does not strike out the names above.
    rule = _chart([{"x": at}]).encode(x="x:Q", y=alt.value(y - 8), y2=alt.value("height"))
    return [rule.mark_rule(strokeWidth=1.5, strokeDash=dash, color=_ink()), _label(at, name, y, left=left)]


def _label(at: float, text: str, y: int, *, left: bool) -> alt.Chart:
    chart = _chart([{"x": at, "label": text}]).encode(x="x:Q", y=alt.value(y), text="label:N")
    align: Literal["left", "right"] = "right" if left else "left"
    labelled: alt.Chart = chart.mark_text(align=align, dx=-5 if left else 5, color=_ink(), fontSize=12)
    return labelled


def _reads_the_same(first: Threshold, second: Threshold) -> bool:
    return f"{first.distance:.2f}" == f"{second.distance:.2f}"


def _least(found: Survey) -> float:
    """Where a whisker ends that reaches down to nothing."""
    return 0.1 / max(found.people_pairs, 1)


def _ink() -> str:
    return INK["dark" if st.context.theme.type == "dark" else "light"]
