"""Three sizes with the same keyframes."""

from media_nommer_api.presets import two_passes


def _buffered(bitrate, width, audio_bitrate):
    return two_passes(
        bitrate,
        width,
        [("ab", audio_bitrate), ("async", "480")],
        video=[("bufsize", bitrate)],
        keyframes=[("keyint_min", "60"), ("g", "120")],
    )


def cb_low():
    """400 wide at 230 kb/s."""
    return _buffered("230k", 400, "96k")


def cb_medium():
    """640 wide at 921 kb/s."""
    return _buffered("921k", 640, "125k")


def cb_high():
    """1280 wide at 2 Mb/s."""
    return _buffered("2000k", 1280, "125k")
