"""Everything that is here: installed models, downloads that wait to be continued, and the engines of each."""

from __future__ import annotations

from dataclasses import dataclass

from core.library.catalog import InstalledModel, installed_models
from core.library.engines import BuiltEngine, built_engines
from core.library.staging import Unfinished, unfinished
from core.paths import Places


@dataclass(frozen=True, slots=True)
class Entry:
    """`complete` False: only a part of the model was downloaded."""

    model: InstalledModel
    engines: tuple[BuiltEngine, ...] = ()
    complete: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """`entries`: the demo model first. `orphans`: engines whose model is not here any more, or whose manifest cannot be read."""

    entries: tuple[Entry, ...]
    orphans: tuple[BuiltEngine, ...]


def everything(places: Places) -> Listing:
    models = installed_models(places)
    names = {model.name for model in models}
    engines = built_engines(places)
    entries = [
        *(Entry(model, tuple(e for e in engines if e.manifest and e.manifest.model == model.name)) for model in models),
        *(Entry(_part(item, places), (), False) for item in unfinished(places) if item.name not in names),
    ]
    orphans = tuple(engine for engine in engines if engine.manifest is None or engine.manifest.model not in names)
    return Listing(tuple(entries), orphans)


def _part(item: Unfinished, places: Places) -> InstalledModel:
    share = item.have / item.total if item.total else 0.0
    again = item.name + (f"@{item.revision}" if item.revision else "")
    problem = f"not complete, {share:.0%} of {item.total / 1e6:,.0f} MB; `deskside core pull {again}` goes on"
    return InstalledModel(item.name, places.models / item.name, "", None, item.have, problem)
