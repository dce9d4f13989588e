"""For the web."""

from media_nommer_api.presets import two_passes


def web_medium():
    """640 wide at 400 kb/s."""
    audio = [("ab", "128k"), ("ar", "48000"), ("async", "480"), ("ac", "2")]
    return two_passes("400k", 640, audio)
