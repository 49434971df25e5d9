"""The few calls of the Windows API that Python's library lacks, through ctypes. Import it only on Windows."""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes
    from pathlib import Path

    from core.errors import InternalError

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.CreateJobObjectW.restype = wintypes.HANDLE
    _kernel32.CreateJobObjectW.argtypes = [wintypes.LPVOID, wintypes.LPCWSTR]
    _kernel32.SetInformationJobObject.argtypes = [wintypes.HANDLE, ctypes.c_int, wintypes.LPVOID, wintypes.DWORD]
    _kernel32.AssignProcessToJobObject.argtypes = [wintypes.HANDLE, wintypes.HANDLE]
    _kernel32.TerminateJobObject.argtypes = [wintypes.HANDLE, wintypes.UINT]
    _kernel32.CloseHandle.argtypes = [wintypes.HANDLE]
    _kernel32.PeekNamedPipe.argtypes = [
        wintypes.HANDLE,
        wintypes.LPVOID,
        wintypes.DWORD,
        wintypes.LPDWORD,
        wintypes.LPDWORD,
        wintypes.LPDWORD,
    ]

    _kernel32.LocalFree.argtypes = [wintypes.LPVOID]
    _kernel32.LocalFree.restype = wintypes.LPVOID

    _advapi32 = ctypes.WinDLL("advapi32", use_last_error=True)
    _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW.argtypes = [
        wintypes.LPCWSTR,
        wintypes.DWORD,
        ctypes.POINTER(wintypes.LPVOID),
        wintypes.LPVOID,
    ]
    _advapi32.SetFileSecurityW.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, wintypes.LPVOID]
    _SDDL_REVISION_1 = 1
    _DACL_SECURITY_INFORMATION = 4

    _LOCK_FAIL_IMMEDIATELY, _LOCK_EXCLUSIVE = 1, 2
    _ERROR_LOCK_VIOLATION, _ERROR_IO_PENDING = 33, 997

    class _Overlapped(ctypes.Structure):
        """OVERLAPPED (minwinbase.h)."""

        _fields_ = (
            ("Internal", ctypes.c_void_p),
            ("InternalHigh", ctypes.c_void_p),
            ("Offset", wintypes.DWORD),
            ("OffsetHigh", wintypes.DWORD),
            ("hEvent", wintypes.HANDLE),
        )

    _kernel32.LockFileEx.argtypes = [
        wintypes.HANDLE,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.DWORD,
        wintypes.DWORD,
        ctypes.POINTER(_Overlapped),
    ]

    def lock_file(fd: int, *, shared: bool, at: int) -> bool:
        """Lock the byte `at` of a file until it is closed; False where somebody else's lock forbids it. A range locked
        exclusively cannot be read by others, so `at` lies behind the content. Raises OSError."""
        flags = _LOCK_FAIL_IMMEDIATELY | (0 if shared else _LOCK_EXCLUSIVE)
        where = _Overlapped(Offset=at)
        if _kernel32.LockFileEx(msvcrt.get_osfhandle(fd), flags, 0, 1, 0, ctypes.byref(where)):
            return True
        code = ctypes.get_last_error()
        if code in (_ERROR_LOCK_VIOLATION, _ERROR_IO_PENDING):
            return False
        raise ctypes.WinError(code)

    _EXTENDED_LIMIT_INFORMATION = 9
    _LIMIT_KILL_ON_JOB_CLOSE = 0x2000
    _LIMIT_PROCESS_MEMORY = 0x100

    class _BasicLimits(ctypes.Structure):
        """JOBOBJECT_BASIC_LIMIT_INFORMATION (winnt.h)."""

        _fields_ = (
            ("PerProcessUserTimeLimit", wintypes.LARGE_INTEGER),
            ("PerJobUserTimeLimit", wintypes.LARGE_INTEGER),
            ("LimitFlags", wintypes.DWORD),
            ("MinimumWorkingSetSize", ctypes.c_size_t),
            ("MaximumWorkingSetSize", ctypes.c_size_t),
            ("ActiveProcessLimit", wintypes.DWORD),
            ("Affinity", ctypes.c_size_t),
            ("PriorityClass", wintypes.DWORD),
            ("SchedulingClass", wintypes.DWORD),
        )

    class _ExtendedLimits(ctypes.Structure):
        """JOBOBJECT_EXTENDED_LIMIT_INFORMATION (winnt.h); IO_COUNTERS is six 64-bit numbers."""

        _fields_ = (
            ("BasicLimitInformation", _BasicLimits),
            ("IoInfo", ctypes.c_ulonglong * 6),
            ("ProcessMemoryLimit", ctypes.c_size_t),
            ("JobMemoryLimit", ctypes.c_size_t),
            ("PeakProcessMemoryUsed", ctypes.c_size_t),
            ("PeakJobMemoryUsed", ctypes.c_size_t),
        )

    class KillOnCloseJob:
        """A Job Object that holds one process and all that it starts. When its last handle closes, also because this
        process was killed, Windows ends everything inside."""

        def __init__(self, process_handle: int, memory: int | None = None) -> None:
            """`memory`: bytes that each process inside may commit.

            Raises InternalError with the system's reason when the process cannot be put into a job."""
            self._handle: int | None = _kernel32.CreateJobObjectW(None, None)
            if not self._handle:
                raise _last_error("A job object cannot be created")
            limits = _ExtendedLimits()
            limits.BasicLimitInformation.LimitFlags = _LIMIT_KILL_ON_JOB_CLOSE
            if memory is not None:
                limits.BasicLimitInformation.LimitFlags |= _LIMIT_PROCESS_MEMORY
                limits.ProcessMemoryLimit = memory
            if not _kernel32.SetInformationJobObject(
                self._handle, _EXTENDED_LIMIT_INFORMATION, ctypes.byref(limits), ctypes.sizeof(limits)
            ) or not _kernel32.AssignProcessToJobObject(self._handle, process_handle):
                error = _last_error("A child process cannot be put into a job object")
                self.close()
                raise error

        def terminate(self, exit_code: int) -> None:
            if self._handle:
                _kernel32.TerminateJobObject(self._handle, exit_code)

        def close(self) -> None:
            if self._handle:
                _kernel32.CloseHandle(self._handle)
                self._handle = None

    def restrict_to_owner(path: Path) -> None:
        """Let only the file's owner and the system use it: a protected access list (SDDL), nothing inherited."""
        descriptor = wintypes.LPVOID()
        sddl = "D:P(A;;FA;;;OW)(A;;FA;;;SY)"
        if not _advapi32.ConvertStringSecurityDescriptorToSecurityDescriptorW(
            sddl, _SDDL_REVISION_1, ctypes.byref(descriptor), None
        ):
            raise _last_error("An access list cannot be made")
        try:
            if not _advapi32.SetFileSecurityW(str(path), _DACL_SECURITY_INFORMATION, descriptor):
                raise _last_error(f"{path} cannot be restricted to its owner")
        finally:
            _kernel32.LocalFree(descriptor)

    def pipe_has_data(fd: int) -> bool:
        """True when a read of the pipe would return at once: there are bytes, or its other end is closed."""
        available = wintypes.DWORD()
        handle = msvcrt.get_osfhandle(fd)
        if not _kernel32.PeekNamedPipe(handle, None, 0, None, ctypes.byref(available), None):
            return True  # broken pipe: the read reports the end
        return available.value > 0

    def _last_error(what: str) -> InternalError:
        return InternalError(f"{what} ({ctypes.WinError(ctypes.get_last_error()).strerror}).")
