"""For early Android devices."""

from media_nommer_api.presets import two_passes


def android_low():
    """640 wide at 300 kb/s and 30 frames a second."""
    audio = [("ab", "128k"), ("ar", "48000"), ("async", "480"), ("ac", "2")]
    return two_passes("300k", 640, audio, video=[("r", "30")])
