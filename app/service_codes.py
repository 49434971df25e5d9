"""What the codes of the service's errors mean, as app.sentences says them."""

from __future__ import annotations

from app.texts import QT_TRANSLATE_NOOP

# Code of an error (core.errors, core.jobs) -> what it means, before a sentence that is not translated.
CODES = {
    "internal": QT_TRANSLATE_NOOP("Service", "Something went wrong inside Deskside."),
    "invalid": QT_TRANSLATE_NOOP("Service", "That cannot be used."),
    "invalid_request": QT_TRANSLATE_NOOP("Service", "What was asked for cannot be used."),
    "context_length_exceeded": QT_TRANSLATE_NOOP("Service", "It is longer than this model can hold."),
    "constraint_failed": QT_TRANSLATE_NOOP("Service", "The required form of the answer cannot be kept."),
    "not_found": QT_TRANSLATE_NOOP("Service", "It is not there."),
    "model_unusable": QT_TRANSLATE_NOOP("Service", "The files of this model cannot be used."),
    "busy": QT_TRANSLATE_NOOP("Service", "It is in use at the moment; try again."),
    "unavailable": QT_TRANSLATE_NOOP("Service", "It is not available at the moment."),
    "engine_died": QT_TRANSLATE_NOOP("Service", "The engine ended; the answer so far is kept."),
    "io_error": QT_TRANSLATE_NOOP("Service", "A file or folder cannot be used."),
    "access_denied": QT_TRANSLATE_NOOP("Service", "The Hub does not allow it."),
    "token_needed": QT_TRANSLATE_NOOP("Service", "The Hub wants an access token for this model."),
    "body_too_large": QT_TRANSLATE_NOOP("Service", "That is more than the service takes at once."),
    "body_too_slow": QT_TRANSLATE_NOOP("Service", "The request did not arrive in time."),
    "document_unusable": QT_TRANSLATE_NOOP("Service", "This document cannot be read."),
    "disk_full": QT_TRANSLATE_NOOP("Service", "The disk is full."),
    "interrupted": QT_TRANSLATE_NOOP("Service", "It was interrupted."),
    "unknown_kind": QT_TRANSLATE_NOOP("Service", "This version does not know such jobs."),
}

# Codes of errors that engines, drivers and the library raise in too many words to be listed: what the window says and advises in
# every language. The service's sentence follows as a detail, without its advice, which is for the command line.
OWN = {
    "model_unsupported": QT_TRANSLATE_NOOP(
        "Service",
        "Deskside cannot run this model in this way. Choose another precision under “Make it fit” (Models), or another model.",
    ),
    "model_damaged": QT_TRANSLATE_NOOP(
        "Service",
        "Files of this model are missing or damaged. Remove it and download it again (Models); an imported folder has to be "
        "repaired where it lies.",
    ),
    "engine_stale": QT_TRANSLATE_NOOP(
        "Service",
        "This engine cannot be used as it is. Build it again: choose its precision under “Make it fit” (Models).",
    ),
    "engine_rebuilding": QT_TRANSLATE_NOOP(
        "Service",
        "This engine cannot be used as it is, and is being built again (Models). Try again when that is done.",
    ),
    "device_unusable": QT_TRANSLATE_NOOP(
        "Service",
        "The graphics card cannot be used for this. Try again; if that does not help, choose “Reference: the processor” as the "
        "backend (Settings, Advanced).",
    ),
    "driver_unusable": QT_TRANSLATE_NOOP(
        "Service",
        "The NVIDIA driver is missing or too old. Install the newest one from nvidia.com, then start Deskside again.",
    ),
    "out_of_memory": QT_TRANSLATE_NOOP(
        "Service",
        "There is not enough memory. Unload other models (Models), end programs that use the graphics card, or choose a smaller "
        "precision.",
    ),
    "does_not_fit": QT_TRANSLATE_NOOP(
        "Service", "It does not fit on this graphics card. Choose a smaller precision or a smaller model (Models)."
    ),
}
