"""What the service and a job's process say to each other over the pipe."""

from __future__ import annotations

import msgspec


class JobFrame(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Root of these frames."""


class JobStart(JobFrame, frozen=True):
    """The first frame, to the child. `params`: a JSON object as text. `folder`: its working folder, which exists.
    `resumed`: an earlier process may have left something there."""

    id: str
    params: str
    folder: str
    resumed: bool


class JobStop(JobFrame, frozen=True):
    """To the child: stop soon, leaving things so that another can go on; no result is wanted."""


class JobProgress(JobFrame, frozen=True):
    """`done` of `total` (0: unknown) in `stage`."""

    stage: str
    done: int
    total: int


class JobText(JobFrame, frozen=True):
    """More of the text that the job is writing: what was sent so far, cut to `offset` characters, plus `text`."""

    text: str
    offset: int


class JobNote(JobFrame, frozen=True):
    """Something the user should know while the job runs, such as what it waits for; "" takes the last one back."""

    text: str


class JobAsk(JobFrame, frozen=True):
    """The child wants the GPU with so many bytes free; it waits for JobGranted. At most one at a time."""

    bytes: int


class JobRelease(JobFrame, frozen=True):
    """The child no longer needs the GPU."""


class JobGranted(JobFrame, frozen=True):
    """To the child: the GPU is its own until JobRelease or its end."""


class JobResult(JobFrame, frozen=True):
    """The job is done; `path`: what it made, "" for nothing."""

    path: str


class JobFailed(JobFrame, frozen=True):
    """It cannot go on. `message`: a sentence for the user."""

    code: str
    message: str


class JobStopped(JobFrame, frozen=True):
    """It has stopped as told."""


FromChild = JobProgress | JobText | JobNote | JobAsk | JobRelease | JobResult | JobFailed | JobStopped
ToChild = JobStart | JobStop | JobGranted
END = (JobResult, JobFailed, JobStopped)

encode = msgspec.msgpack.Encoder().encode
decode_from_child = msgspec.msgpack.Decoder(FromChild).decode
decode_to_child = msgspec.msgpack.Decoder(ToChild).decode
