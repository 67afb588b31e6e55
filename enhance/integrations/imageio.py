"""imageio: the plugin "enhance" for `imageio.v3`, which reads JPEG and VVC files as enhanced arrays.

    from enhance.integrations.imageio import register
    register()

Neither imageio nor torch is imported before it is called, and torch not before something is read.
"""

from __future__ import annotations

NAME = "enhance"


def register() -> None:
    """Adds the plugin, to be used where it is named: `iio.imread("photo.jpg", plugin="enhance")`.

    imageio never takes it by itself, so what is read without naming it stays as it was. Twice does no harm.
    """
    from imageio.config import known_plugins
    from imageio.config.plugins import PluginConfig

    known_plugins[NAME] = PluginConfig(
        name=NAME, class_name="EnhancePlugin", module_name="enhance.integrations.imageio_plugin"
    )
