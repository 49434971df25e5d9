"""The root of every error that `engines` raises.

    EngineError
    ├── ModelError            the model's files cannot be used
    │   ├── UnsupportedError      known to exist, not implemented here (architecture, option, dtype, precision, GPU)
    │   ├── ConfigError           config.json is missing, unreadable or contradicts itself
    │   ├── WeightError           safetensors missing, corrupt, mis-shaped, extra, NaN
    │   └── StaleError            a built engine that does not belong to this machine, version or model any more
    ├── DeviceError           driver, GPU or library missing, too old, or failed
    │   ├── DriverError           the NVIDIA driver is missing or too old
    │   └── OutOfMemory           with the numbers
    ├── Cancelled             work that the caller asked to stop has stopped
    ├── ConstraintError       a grammar, schema or regular expression that cannot be used
    └── ContractError         a caller broke the engine contract (a bug of ours, never the user's)

`core` maps these once to its own families at its three boundaries: the worker, `core.llm` and the build job.
Messages are one sentence: what happened (naming the file), why, and what to do next.
"""


class EngineError(Exception):
    """Any failure of an engine."""


class ModelError(EngineError):
    """The model's files cannot be used."""


class UnsupportedError(ModelError):
    """Something real that this version does not implement, named."""


class ConfigError(ModelError):
    """config.json is missing, unreadable, or contradicts itself."""


class WeightError(ModelError):
    """A weight file or tensor is missing, corrupt, mis-shaped, unexpected or not finite."""


class StaleError(ModelError):
    """An engine folder that was changed, or built for another driver, GPU, library version or revision: build it again."""


class DeviceError(EngineError):
    """A driver, GPU or device library is missing, too old, or failed."""


class DriverError(DeviceError):
    """The NVIDIA driver is missing or too old for the GPU backends."""


class OutOfMemory(DeviceError):
    """Memory that the plan needs is not there; the message holds the numbers."""


class Cancelled(EngineError):
    """Work that the caller asked to stop has stopped; what it wrote is not complete."""


class ConstraintError(EngineError):
    """A grammar, JSON schema or regular expression cannot be compiled or used."""


class ContractError(EngineError):
    """The caller broke the engine contract: a bug, not a user's mistake."""
