from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from app.library.list_model import RowsModel
from app.library.rows import rows_of
from app.two_lines import FACTS, two_line_list
from core.schemas import EngineStatus, HubModel, InstalledStatus, ModelsReply, SearchReply

MODELS = ModelsReply(
    installed=[
        InstalledStatus(name="demo", architecture="Llama", size=9_400_000, loaded=True),
        InstalledStatus(
            name="org/a", architecture="Llama", size=16 * 10**9,
            engines=[EngineStatus(name="org/a:int4", model="org/a", precision="int4", backend="cuda")],
        ),
        InstalledStatus(name="org/b", architecture="", complete=False),
        InstalledStatus(name="org/c", architecture="", problem="cut off"),
    ],
    loaded=[],
)  # fmt: skip
FOUND = SearchReply(
    query="q",
    models=[HubModel(repo="x/y", downloads=1234, likes=1, gated=True, licence="mit", parameters=7_240_000_000)],
)


def test_it_is_a_sound_model_whatever_happens(qtmodeltester: ModelTester, qapp: QApplication) -> None:
    model = RowsModel()
    qtmodeltester.check(model)
    for rows in (rows_of(MODELS, None), rows_of(MODELS, FOUND), rows_of(None, FOUND), []):
        model.set_rows(rows)
        assert model.rowCount() == len(rows)
    model.set_rows(rows_of(MODELS, FOUND))
    qtmodeltester.check(model)


def test_facts_and_what_a_screen_reader_says(qapp: QApplication) -> None:
    model = RowsModel()
    model.set_rows(rows_of(MODELS, FOUND))
    facts = {index.data(): index.data(FACTS) for index in map(model.index, range(model.rowCount()))}
    assert facts["demo"] == "9.4 MB · loaded"
    assert facts["org/a"] == "16.0 GB · int4"
    assert facts["org/b"] == "Download not finished"
    assert facts["org/c"] == "Cannot be used"
    assert facts["x/y"].startswith("7.2 B parameters · ")
    assert facts["x/y"].endswith("mit · asks for an accepted licence")
    assert model.find("here:demo").data(Qt.ItemDataRole.AccessibleTextRole) == "demo, 9.4 MB · loaded"


def test_titles_of_sections_cannot_be_chosen(qapp: QApplication) -> None:
    model = RowsModel()
    model.set_rows(rows_of(MODELS, FOUND))
    assert not model.flags(model.find("header:here")) & Qt.ItemFlag.ItemIsSelectable
    assert model.flags(model.find("here:demo")) & Qt.ItemFlag.ItemIsSelectable
    assert not model.find("nothing").isValid()


def test_facts_that_change_keep_the_place(qtbot: QtBot) -> None:
    model = RowsModel()
    model.set_rows(rows_of(MODELS, None))
    loaded = MODELS.model_copy(
        update={"installed": [MODELS.installed[0].model_copy(update={"loaded": False}), *MODELS.installed[1:]]}
    )
    with qtbot.assertNotEmitted(model.modelReset), qtbot.waitSignal(model.dataChanged):
        model.set_rows(rows_of(loaded, None))
    assert model.find("here:demo").data(FACTS) == "9.4 MB"


def test_rows_are_painted_in_any_direction(qtbot: QtBot) -> None:
    model = RowsModel()
    model.set_rows(rows_of(MODELS, FOUND))
    view = two_line_list("Models")
    qtbot.addWidget(view)
    view.setModel(model)
    images = []
    for direction in (Qt.LayoutDirection.LeftToRight, Qt.LayoutDirection.RightToLeft):
        view.setLayoutDirection(direction)
        view.resize(300, 400)
        images.append(view.grab().toImage())
    assert images[0] != images[1]
