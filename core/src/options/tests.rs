use serde_json::json;

use super::*;
use crate::legacy_presets;

fn check_json(pairs: &Json, side: Side) -> Result<CheckedOptions, OptionError> {
    check_options(
        &Pair::list_from_json(pairs)?,
        side,
        &OptionPolicy::default(),
    )
}

fn args(pairs: &Json) -> String {
    let checked = check_json(pairs, Side::Output).unwrap();
    let words = checked
        .args
        .iter()
        .map(|pair| format!("-{} {}", pair.name, pair.value.as_deref().unwrap_or("")));
    words
        .collect::<Vec<_>>()
        .join(" ")
        .replace("  ", " ")
        .trim()
        .to_owned()
}

#[test]
fn values_are_read_as_the_original_did() {
    let pairs = Pair::list_from_json(&json!([
        ["an", null],
        ["vn", ""],
        ["sn", []],
        ["dn", {}],
        ["threads", 0],
        ["crf", 1.5],
        ["x", true],
        ["y", false]
    ]));
    let values: Vec<_> = pairs.unwrap().into_iter().map(|pair| pair.value).collect();
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(
        values,
        [
            None,
            None,
            None,
            None,
            text("0"),
            text("1.5"),
            text("1"),
            None
        ]
    );
    for wrong in [
        json!("x"),
        json!([["a"]]),
        json!([[1, 2]]),
        json!([["a", [1]]]),
        json!([["a", "b", "c"]]),
        json!({"a": 1}),
    ] {
        assert!(Pair::list_from_json(&wrong).is_err(), "{wrong}");
    }
}

#[test]
fn jobs_of_2012_are_rewritten_and_told_so() {
    let pairs = json!([
        ["vcodec", "libx264"],
        ["vprofile", "baseline"],
        ["b", "400k"],
        ["vf", "yadif,scale='640:trunc(ow/a/2)*2'"],
        ["acodec", "libfaac"],
        ["ab", "128k"],
        ["async", "480"],
        ["f", "mp4"],
    ]);
    assert_eq!(
        args(&pairs),
        "-c:v libx264 -profile:v baseline -b:v 400k -filter:v yadif,scale=w=640:h=trunc(ow/a/2)*2 -c:a aac -b:a 128k -f mp4 \
         -filter:a aresample=async=480"
    );
    let warnings = check_json(&pairs, Side::Output).unwrap().warnings;
    let details: Vec<_> = warnings
        .iter()
        .map(|warning| warning.detail.as_str())
        .collect();
    let expected = [
        "vprofile → profile:v",
        "b → b:v",
        "libfaac → aac",
        "ab → b:a",
        "async 480 → filter:a aresample=async=480",
    ];
    assert_eq!(details, expected);
    assert!(
        warnings
            .iter()
            .all(|warning| warning.code == "legacy_option_rewritten")
    );
}

#[test]
fn dropped_options_become_what_replaced_them() {
    assert_eq!(args(&json!([["sameq", null]])), "-crf 18");
    assert_eq!(
        args(&json!([["deinterlace", null], ["vf", "hflip"]])),
        "-filter:v yadif,hflip"
    );
    assert_eq!(args(&json!([["vsync", "1"]])), "-fps_mode cfr");
    assert_eq!(args(&json!([["target", "vcd"]])), "-target ntsc-vcd");
    assert_eq!(args(&json!([["target", "pal-dvd"]])), "-target pal-dvd");
    assert_eq!(args(&json!([["an", null], ["async", 1]])), "-an");
    assert_eq!(
        args(&json!([["af", "volume=2"], ["async", 1]])),
        "-filter:a volume=volume=2,aresample=async=1"
    );
}

#[test]
fn every_preset_of_the_original_client_is_allowed() {
    for passes in [
        legacy_presets::web_medium(),
        legacy_presets::android_low(),
        legacy_presets::cb_low(),
        legacy_presets::cb_medium(),
        legacy_presets::cb_high(),
    ] {
        assert_eq!(
            passes
                .iter()
                .map(|pass| pass.move_atom_to_front)
                .collect::<Vec<_>>(),
            [false, true]
        );
        for pass in passes {
            check_options(
                &pass.outfile_options,
                Side::Output,
                &OptionPolicy::default(),
            )
            .unwrap();
        }
    }
}

/// Command lines from FFmpeg's documentation and encoding guides, by what they use: output options each.
const ORDINARY: &[&[(&str, &str)]] = &[
    &[
        ("c:v", "libx264"),
        ("crf", "23"),
        ("preset", "fast"),
        ("c:a", "aac"),
        ("b:a", "128k"),
        ("f", "mp4"),
    ],
    &[
        ("vf", "scale=-2:720,fps=30,format=yuv420p"),
        ("c:v", "libx264"),
    ],
    &[
        ("ss", "10"),
        ("t", "30"),
        ("vf", "crop=100:100:0:0,pad=200:200:50:50:black"),
    ],
    &[
        ("c:v", "libvpx-vp9"),
        ("b:v", "1M"),
        ("row-mt", "1"),
        ("c:a", "libopus"),
        ("f", "webm"),
    ],
    &[
        ("c:v", "libx265"),
        ("crf", "28"),
        ("tag:v", "hvc1"),
        ("x265-params", "aq-mode=3:keyint=60"),
    ],
    &[
        ("c:v", "libsvtav1"),
        ("preset", "8"),
        ("crf", "35"),
        ("svtav1-params", "tune=0:film-grain=8"),
        ("pix_fmt", "yuv420p10le"),
    ],
    &[
        ("c", "copy"),
        ("movflags", "+faststart"),
        ("map", "0"),
        ("map_metadata", "0"),
        ("f", "mp4"),
    ],
    &[
        ("map", "0:v:0"),
        ("map", "0:a:0?"),
        ("map", "-0:s"),
        ("c", "copy"),
    ],
    &[
        ("vn", ""),
        ("c:a", "libmp3lame"),
        ("q:a", "2"),
        ("id3v2_version", "3"),
        ("metadata", "title=A & B: c/d 100%"),
    ],
    &[
        ("vn", ""),
        ("af", "loudnorm=I=-16:TP=-1.5:LRA=11"),
        ("ar", "48000"),
        ("c:a", "libopus"),
        ("b:a", "64k"),
        ("application", "audio"),
    ],
    &[
        (
            "filter_complex",
            "[0:v]split=3[a][b][c];[a]scale=854:480[v480];[b]scale=1280:720[v720];[c]null[v1080]",
        ),
        ("map", "[v480]"),
        ("map", "0:a"),
    ],
    &[
        ("b:v", "1M"),
        ("maxrate", "1M"),
        ("bufsize", "2M"),
        ("g", "50"),
        ("keyint_min", "50"),
        ("sc_threshold", "0"),
        ("bf", "2"),
    ],
    &[
        ("force_key_frames", "expr:gte(t,n_forced*2)"),
        ("c:v", "libx264"),
        ("x264-params", "scenecut=0:open-gop=0:keyint=48"),
    ],
    &[
        (
            "vf",
            "fps=12,scale=320:-1:flags=lanczos,split[s0][s1];[s0]palettegen[p];[s1][p]paletteuse",
        ),
        ("loop", "0"),
        ("f", "gif"),
    ],
    &[
        ("c:v", "prores_ks"),
        ("profile:v", "3"),
        ("vendor", "apl0"),
        ("pix_fmt", "yuv422p10le"),
        ("c:a", "pcm_s16le"),
        ("f", "mov"),
    ],
    &[(
        "vf",
        "zscale=t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,tonemap=tonemap=hable:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p",
    )],
    &[
        ("vf", "select='not(mod(n\\,10))',scale=iw/2:-2"),
        ("vcodec", "libx264"),
    ],
    &[(
        "vf",
        "scale='min(1280,iw)':'min(720,ih)':force_original_aspect_ratio=decrease,pad=1280:720:(ow-iw)/2:(oh-ih)/2",
    )],
    &[
        ("vf", "bwdif=mode=send_field:parity=auto:deint=all,setsar=1"),
        ("r", "30000/1001"),
        ("aspect", "16:9"),
    ],
    &[(
        "vf",
        "drawtext=text='Draft 5\\: do not copy':x=(w-text_w)/2:y=h-th-10:fontsize=24:fontcolor=white@0.8:box=1:boxcolor=black@0.5",
    )],
    &[(
        "af",
        "aresample=async=1:first_pts=0,pan=stereo|c0=FL+0.5*FC|c1=FR+0.5*FC,volume=-3dB",
    )],
    &[("af", "afade=t=in:ss=0:d=3,afade=t=out:st=57:d=3")],
    &[
        ("frames:v", "1"),
        ("q:v", "2"),
        ("vf", "thumbnail,scale=320:-2"),
        ("f", "mjpeg"),
    ],
    &[
        ("pass", "2"),
        ("c:v", "libvpx"),
        ("deadline", "good"),
        ("cpu-used", "1"),
        ("auto-alt-ref", "1"),
        ("lag-in-frames", "25"),
    ],
    &[
        ("c:v", "mpeg2video"),
        ("qscale", "4"),
        ("g", "15"),
        ("bf", "2"),
        ("flags", "+ildct+ilme"),
        ("f", "mpegts"),
    ],
    &[
        ("vf", "transpose=1,hflip,vflip,rotate=PI/6:c=none"),
        ("metadata:s:v:0", "rotate=0"),
    ],
    &[
        ("c:s", "mov_text"),
        ("metadata:s:s:0", "language=eng"),
        ("disposition:s:0", "default"),
    ],
    &[
        ("x264opts", "keyint=48:min-keyint=48:no-scenecut"),
        ("tune", "film"),
        ("level", "4.1"),
        ("refs", "4"),
    ],
];

#[test]
fn ordinary_jobs_are_not_refused() {
    let mut refused = Vec::new();
    for options in ORDINARY {
        let pairs: Vec<Pair> = options
            .iter()
            .map(|(name, value)| {
                if value.is_empty() {
                    Pair::flag(name)
                } else {
                    Pair::new(name, value)
                }
            })
            .collect();
        if let Err(error) = check_options(&pairs, Side::Output, &OptionPolicy::default()) {
            refused.push(error.to_string());
        }
    }
    assert!(refused.is_empty(), "{refused:#?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table: one line for each attempt")]
fn options_that_reach_out_are_refused() {
    for (name, value) in [
        ("i", "/etc/passwd"),
        ("-i", "x"),
        ("y", ""),
        ("n", ""),
        ("/vf", "x"),
        ("filter_complex_script", "x"),
        ("filter_script:v", "x"),
        ("attach", "x"),
        ("dump_attachment", "x"),
        ("vstats_file", "x"),
        ("vstats", ""),
        ("passlogfile", "x"),
        ("progress", "http://x"),
        ("report", ""),
        ("loglevel", "trace"),
        ("sdp_file", "x"),
        ("vpre", "x"),
        ("apre", "x"),
        ("fpre", "x"),
        ("init_hw_device", "x"),
        ("f", "tee"),
        ("f", "hls"),
        ("f", "segment"),
        ("f", "rtp"),
        ("f", "fifo"),
        ("f", "image2"),
        ("f", "concat"),
        ("f", "ffmetadata"),
        ("method", "PUT"),
        ("protocol_whitelist", "ALL"),
        ("protocol_blacklist", ""),
        ("stats", "x"),
        ("enc_time_base", "1/0"),
        ("bsf:v", "x"),
        ("hls_enc", "1"),
        ("headers", "x"),
        ("encryption_key", "00"),
        ("max_alloc", "1"),
        ("stats_enc_pre", "x"),
        ("lavfi", "x"),
        ("vcodec libx264 -i x", ""),
        ("vcodec", "libx264\0-report"),
        ("metadata", "title=a\n-report"),
        ("map_metadata", "1"),
        ("map", "1"),
        ("map", "0:m:language:eng"),
        ("filter:v:m:language:eng", "null"),
        ("x264-params", "stats=x"),
        ("x264-params", "qpfile=x"),
        ("x265-params", "analysis-save=x"),
        ("x265-params", "crf=/x"),
        ("x264-params", "crf=20:stats=x"),
        ("tag:v", "../x"),
        ("profile:v", "/etc/x"),
        ("s", "/x"),
        ("ss", "x"),
        ("t", "-report"),
        ("c:v", "rawvideo"),
        ("vf", "movie=x"),
        ("filter:v:0", "movie=x"),
        ("force_key_frames", "source"),
        ("force_key_frames", "expr:print(t)"),
        ("pass", "3"),
        ("threads", "9999"),
        ("re", ""),
        ("stdin", ""),
        ("nostats", ""),
        ("crf", "nan"),
        ("crf", "1e5"),
        ("b", "-1"),
        ("timecode", "/x"),
        ("target", "vcd/x"),
        ("dump", ""),
        ("", ""),
    ] {
        let pair = if value.is_empty() {
            Pair::flag(name)
        } else {
            Pair::new(name, value)
        };
        let refused = check_options(
            std::slice::from_ref(&pair),
            Side::Output,
            &OptionPolicy::default(),
        );
        assert!(refused.is_err(), "{pair:?}");
    }
}

#[test]
fn a_side_has_its_own_options() {
    assert!(check_json(&json!([["ss", "5"], ["t", "00:01:00.5"]]), Side::Input).is_ok());
    for name in [
        "f",
        "c:v",
        "safe",
        "protocol_whitelist",
        "lavfi",
        "user_agent",
        "reconnect",
        "re",
        "stream_loop",
    ] {
        assert!(
            check_json(&json!([[name, "1"]]), Side::Input).is_err(),
            "{name}"
        );
    }
    let error = check_json(&json!([["crf", "20"]]), Side::Input).unwrap_err();
    assert!(error.to_string().contains("before the input"), "{error}");
}

#[test]
fn a_slip_is_told_with_the_nearest_name_and_a_wrong_value_with_what_is_right() {
    let error = |pairs: Json| check_json(&pairs, Side::Output).unwrap_err();
    assert!(
        error(json!([["maxrat", "1M"]]))
            .to_string()
            .contains("\"maxrate\"")
    );
    assert!(
        error(json!([["crf", "high"]]))
            .to_string()
            .contains("a number from")
    );
    assert_eq!(
        error(json!([["vf", "movie=x"]])).code(),
        Code::UnsupportedFilter
    );
    assert_eq!(
        error(json!([["report", null]])).code(),
        Code::OptionNotAllowed
    );
}

#[test]
fn an_operator_can_let_an_option_in() {
    let policy = OptionPolicy {
        extra_options: vec!["bsf".to_owned()],
        ..OptionPolicy::default()
    };
    assert!(
        check_options(
            &[Pair::new("bsf:v", "h264_mp4toannexb")],
            Side::Output,
            &policy
        )
        .is_ok()
    );
    assert!(check_options(&[Pair::new("bsf:v", "a\nb")], Side::Output, &policy).is_err());
}
