"""The server itself: its model, its thresholds, what was asked of it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from facenet_core.api import answers, convert
from facenet_core.api.access import Caller, needs
from facenet_core.api.context import Context, Given
from facenet_core.api.problems import details, responses
from facenet_core.config import FMR_RANGE, FPIR_RANGE

router = APIRouter(prefix="/v1", tags=["server"])

Manager = Annotated[Caller, Depends(needs("manage"))]


class NewTargets(BaseModel):
    """Error rates to aim at; null for the default."""

    model_config = ConfigDict(extra="forbid")

    fmr: float | None = Field(default=None, ge=FMR_RANGE[0], le=FMR_RANGE[1])
    fpir: float | None = Field(default=None, ge=FPIR_RANGE[0], le=FPIR_RANGE[1])


@router.get("/model", responses=responses())
async def model(context: Given, caller: Annotated[Caller, Depends(needs("verify"))]) -> answers.Model:
    """What makes the templates."""
    return convert.model(await context.workers.run(lambda: context.service.engine.model_id))


@router.get("/thresholds", responses=responses())
async def thresholds(context: Given, caller: Annotated[Caller, Depends(needs("verify"))]) -> answers.Thresholds:
    """What decides now."""
    return await context.workers.run(lambda: _thresholds(context))


@router.get("/calibration", responses=responses())
async def calibration(context: Given, caller: Annotated[Caller, Depends(needs("verify"))]) -> answers.Calibration:
    """What a distance means: error rates that were measured for the model."""

    def work() -> answers.Calibration:
        found = context.service.calibration()
        return answers.Calibration(
            rates=list(found.rates),
            distances=list(found.distances),
            measured_to=found.measured_to,
            missed_rates=list(found.missed_rates),
            missed_distances=list(found.missed_distances),
            own=context.service.own_calibration() is not None,
            provenance=dict(found.provenance),
        )

    return await context.workers.run(work)


@router.put("/thresholds/targets", responses=responses())
async def set_targets(given: NewTargets, context: Given, caller: Manager) -> answers.Thresholds:
    """Sets the error rates that measured thresholds aim at, for pages and commands too."""

    def work() -> answers.Thresholds:
        context.service.set_targets(fmr=given.fmr, fpir=given.fpir)
        context.note("set", caller, outcome="targets")
        return _thresholds(context)

    return await context.workers.run(work)


@router.get("/events", responses=responses())
async def events(
    context: Given,
    caller: Manager,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    before: Annotated[int | None, Query(ge=1, le=2**62, description="only those with a smaller id")] = None,
) -> answers.Events:
    """Who asked for what, the latest first."""
    found = await context.workers.run(lambda: context.service.audit.latest(limit, before))
    return answers.Events(
        events=[
            answers.Event(
                id=each.id,
                at=each.at,
                kind=each.kind,
                door=each.door,
                who=each.who,
                person_id=each.person_id,
                outcome=each.outcome,
            )
            for each in found
        ]
    )


metrics = APIRouter(tags=["server"])


@metrics.get("/metrics", response_class=Response, responses=details() | {200: {"content": {"text/plain": {}}}})
async def read_metrics(context: Given, caller: Manager) -> Response:
    """Counts and times, for Prometheus."""
    text = await context.workers.run(context.monitor.text)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _thresholds(context: Context) -> answers.Thresholds:
    targets = context.service.targets
    return answers.Thresholds(
        verify=convert.limit(context.service.verify_threshold()),
        identify=convert.limit(context.service.identify_threshold()),
        targets=answers.Targets(fmr=targets.fmr, fpir=targets.fpir),
    )
