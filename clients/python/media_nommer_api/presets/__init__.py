"""The original's presets: functions that give the `job_options` of a job."""

NOMMER = "media_nommer.ec2nommerd.nommers.ffmpeg.FFmpegNommer"


def two_passes(bitrate, width, audio, video=(), keyframes=()):
    """Two passes of x264 Baseline with AAC in an MP4 that starts at once."""
    common = [
        ("vcodec", "libx264"),
        ("preset", "medium"),
        ("vprofile", "baseline"),
        ("b", bitrate),
        *video,
        ("vf", f"yadif,scale='{width}:trunc(ow/a/2)*2'"),
    ]
    first = [*common, ("pass", "1"), ("f", "mp4"), *keyframes, ("an", None)]
    second = [*common, ("pass", "2"), ("acodec", "libfaac"), *audio, *keyframes, ("f", "mp4")]
    return {
        "nommer": NOMMER,
        "options": [
            {"outfile_options": first},
            {"outfile_options": second, "move_atom_to_front": True},
        ],
    }
