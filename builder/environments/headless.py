"""Drawing without a screen: what has to be said before pygame or MuJoCo is asked for a picture.

Both read it from environment variables. Those that the user has set stay as they are.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from collections.abc import Mapping, MutableMapping
from functools import cache
from typing import Any

import gymnasium as gym

NO_SCREEN = {"SDL_VIDEODRIVER": "dummy", "SDL_AUDIODRIVER": "dummy", "PYGAME_HIDE_SUPPORT_PROMPT": "1"}
"""For pygame, which draws into memory whatever the screen."""
GL = "MUJOCO_GL"
"""Environment variable: how MuJoCo comes to an OpenGL that needs no screen."""
GL_WORDS = ("mujoco", "robotics")
"""What stands in the entry points of environments that MuJoCo draws."""
FOLLOWING = "track"
"""What the models of gymnasium, and dm_control's before them, call the camera that follows."""
_PLATFORM_DEVICE = 0x313F
"""EGL_PLATFORM_DEVICE_EXT, of the extension EGL_EXT_platform_device."""
_MOST_DEVICES = 16


def without_screen(entry_point: str, variables: MutableMapping[str, str] | None = None) -> None:
    """Have an environment draw without a screen, in this process.

    Args:
        entry_point: of the environment.
        variables: where it is said; None: the process's own environment variables.
    """
    variables = os.environ if variables is None else variables
    for name, value in NO_SCREEN.items():
        variables.setdefault(name, value)
    by_mujoco = "mujoco" in sys.modules or any(word in entry_point.lower() for word in GL_WORDS)
    if by_mujoco and GL not in variables and (found := software_gl()):
        variables[GL] = found


def follow(environment: gym.Env[Any, Any], given: Mapping[str, Any]) -> None:
    """Have a MuJoCo environment drawn by the camera of its model that follows it, where it has one.

    Gymnasium 1.4 draws by a free camera unless one is named, which what walks is soon out of sight of.

    Args:
        environment: just made.
        given: what it was made with; a camera that the user chose stays.
    """
    renderer = getattr(environment.unwrapped, "mujoco_renderer", None)
    if renderer is None or any("camera" in name for name in given):
        return
    import mujoco

    found = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, FOLLOWING)
    if found >= 0:
        renderer.camera_id = found


@cache
def software_gl() -> str:
    """`egl` where a device draws with it, else `osmesa` where that is installed; "": neither."""
    if not sys.platform.startswith("linux"):
        return ""  # macOS draws without a screen by itself
    if _egl_draws():
        return "egl"
    return "osmesa" if ctypes.util.find_library("OSMesa") else ""


def _egl_draws() -> bool:
    """Whether EGL opens one of its devices: the library may be there without a driver.

    MuJoCo looks for one in the same way (`mujoco/egl/__init__.py`), and cannot be asked twice in a process.
    """
    name = ctypes.util.find_library("EGL")
    try:
        library = ctypes.CDLL(name) if name else None
        address = library.eglGetProcAddress if library else None
    except (OSError, AttributeError):
        return False
    if library is None or address is None:
        return False
    address.restype, address.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    found = [address(b"eglQueryDevicesEXT"), address(b"eglGetPlatformDisplayEXT")]
    if not all(found):
        return False
    pointer, whole = ctypes.c_void_p, ctypes.c_int
    query = ctypes.CFUNCTYPE(ctypes.c_uint, whole, ctypes.POINTER(pointer), ctypes.POINTER(whole))(found[0])
    display_of = ctypes.CFUNCTYPE(pointer, ctypes.c_uint, pointer, pointer)(found[1])
    devices, count = (pointer * _MOST_DEVICES)(), whole()
    if not query(_MOST_DEVICES, devices, ctypes.byref(count)):
        return False
    initialise = library.eglInitialize
    initialise.restype, initialise.argtypes = ctypes.c_uint, [pointer, pointer, pointer]
    displays = (display_of(_PLATFORM_DEVICE, devices[i], None) for i in range(count.value))
    return any(display and initialise(display, None, None) for display in displays)
