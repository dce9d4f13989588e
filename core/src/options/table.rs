//! The list of allowed options. Sources: FFmpeg's own documentation of its tools, codecs and formats (versions 5 to 8).

use super::value::Kind::{
    self, Bitrate, Flag, Float, Graph, Int, KeyFrames, Map, Metadata, OneOf, Params, Rate, SetOf,
    Size, Time, Word,
};

/// Which side of the input an option stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Before the input.
    Input,
    /// Before the output.
    Output,
}

/// One allowed option.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Its name, without dash and stream specifier.
    pub name: &'static str,
    /// Where it may stand.
    pub side: Side,
    /// Which values it may have.
    pub(super) kind: Kind,
}

impl Entry {
    /// Which values it may have, in words.
    pub fn values(&self) -> String {
        self.kind.describe()
    }
}

/// Encoders, for `c:v`, `c:a` and `c:s` alike: FFmpeg itself refuses one of the wrong kind.
const ENCODERS: &str = "copy libx264 h264 libx265 hevc libvpx libvpx-vp9 vp9 libsvtav1 libaom-av1 mpeg4 libxvid \
    mpeg2video mpeg1video h263 flv wmv2 prores_ks prores dnxhd mjpeg gif ffv1 huffyuv utvideo \
    libtheora aac libfdk_aac libmp3lame mp3 libopus opus libvorbis vorbis flac alac ac3 eac3 mp2 \
    wmav2 pcm_s16le pcm_s24le pcm_s32le pcm_s16be pcm_s24be pcm_f32le pcm_u8 pcm_mulaw pcm_alaw wavpack png apng libwebp libopencore_amrnb mov_text webvtt srt subrip \
    ass";

const MUXERS: &str = "mp4 mov m4v ipod psp 3gp 3g2 webm matroska mp3 ogg oga ogv opus flac wav aiff adts mpegts \
    mpeg vob avi flv asf gif mjpeg ac3 eac3 wv webp apng image2pipe null";

/// Discs and tapes, each with its television standard: FFmpeg sets size, rate, codecs and container.
const TARGETS: &str = "pal-vcd ntsc-vcd film-vcd pal-svcd ntsc-svcd film-svcd pal-dvd ntsc-dvd film-dvd pal-dv ntsc-dv \
    pal-dv50 ntsc-dv50";

const SPEEDS: &str = "ultrafast superfast veryfast faster fast medium slow slower veryslow placebo 0 1 2 3 4 5 6 7 \
    8 9 10 11 12 13";

const MOVFLAGS: &str = "faststart frag_keyframe empty_moov default_base_moof separate_moof disable_chpl \
    negative_cts_offsets omit_tfhd_offset write_colr use_metadata_tags isml rtphint cmaf dash \
    frag_every_frame delay_moov global_sidx skip_sidx skip_trailer prefer_icc write_gama \
    frag_discont";

/// Keys of `x264-params` and `x265-params` that name no file.
const X26X_KEYS: &str = "keyint min-keyint no-scenecut scenecut intra-refresh open-gop bframes b-adapt b-bias \
    b-pyramid ref no-deblock deblock slices cabac no-cabac crf qp qpmin qpmax qpstep bitrate \
    vbv-maxrate vbv-bufsize vbv-init ratetol ipratio pbratio aq-mode aq-strength rc-lookahead \
    no-mbtree mbtree qcomp cplxblur qblur partitions direct weightb no-weightb weightp me \
    merange subme psy-rd no-psy mixed-refs no-mixed-refs 8x8dct no-8x8dct trellis no-fast-pskip \
    no-dct-decimate nr deadzone-inter deadzone-intra level level-idc profile nal-hrd force-cfr \
    fullrange range videoformat colorprim transfer colormatrix chromaloc sar threads sliced- \
    threads sync-lookahead stitchable tff bff fake-interlaced pic-struct bluray-compat annexb \
    aud ctu min-cu-size max-tu-size rd rdoq-level rect amp limit-refs limit-modes max-merge sao \
    no-sao strong-intra-smoothing no-strong-intra-smoothing b-intra tskip cutree no-cutree hdr10 \
    hdr10-opt master-display max-cll repeat-headers high-tier no-high-tier uhd-bd pools frame- \
    threads wpp pmode pme lookahead-slices lossless info no-info hist-scenecut selective-sao \
    early-skip rskip pass tune preset psy-rdoq idr-recovery-sei";

const fn out(name: &'static str, kind: Kind) -> Entry {
    Entry {
        name,
        side: Side::Output,
        kind,
    }
}

const fn before_input(name: &'static str, kind: Kind) -> Entry {
    Entry {
        name,
        side: Side::Input,
        kind,
    }
}

/// Options before the input.
const INPUT: &[Entry] = &[
    before_input("ss", Time),
    before_input("sseof", Time),
    before_input("t", Time),
    before_input("to", Time),
    before_input("itsoffset", Time),
    before_input("r", Rate),
    before_input("threads", Int(0, 256)),
    before_input("noautorotate", Flag),
    before_input("an", Flag),
    before_input("vn", Flag),
    before_input("sn", Flag),
    before_input("dn", Flag),
    before_input("accurate_seek", Flag),
    before_input("noaccurate_seek", Flag),
    before_input("ignore_editlist", Int(0, 1)),
    before_input("probesize", Bitrate),
    before_input("analyzeduration", Bitrate),
    before_input(
        "err_detect",
        SetOf("ignore_err crccheck bitstream buffer explode careful compliant aggressive"),
    ),
    before_input(
        "fflags",
        SetOf("genpts igndts discardcorrupt nobuffer sortdts fastseek"),
    ),
];

/// Options before the output.
const OUTPUT: &[Entry] = &[
    out("c", OneOf(ENCODERS)),
    out("f", OneOf(MUXERS)),
    out("target", OneOf(TARGETS)),
    out("pass", Int(1, 2)),
    out("b", Bitrate),
    out("minrate", Bitrate),
    out("maxrate", Bitrate),
    out("bufsize", Bitrate),
    out("bt", Bitrate),
    out("rc_init_occupancy", Bitrate),
    out("crf", Float(-1.0, 63.0)),
    out("crf_max", Float(-1.0, 63.0)),
    out("cq", Float(0.0, 63.0)),
    out("qp", Int(-1, 63)),
    out("q", Float(-1.0, 69.0)),
    out("qmin", Int(-1, 69)),
    out("qmax", Int(-1, 1_024)),
    out("qdiff", Int(-1, 69)),
    out("qcomp", Float(0.0, 1.0)),
    out("qblur", Float(0.0, 99.0)),
    out("i_qfactor", Float(-10.0, 10.0)),
    out("b_qfactor", Float(-10.0, 10.0)),
    out("compression_level", Int(0, 12)),
    out("preset", OneOf(SPEEDS)),
    out(
        "tune",
        SetOf("film animation grain stillimage psnr ssim fastdecode zerolatency 0 1 2"),
    ),
    out("profile", Word),
    out("level", Float(-99.0, 1_000.0)),
    out("tier", OneOf("main high")),
    out("g", Int(0, 100_000)),
    out("keyint_min", Int(0, 100_000)),
    out("bf", Int(-1, 16)),
    out("b_strategy", Int(0, 2)),
    out("refs", Int(0, 16)),
    out("sc_threshold", Int(-1_000_000, 1_000_000)),
    out("coder", Word),
    out("me_method", Word),
    out("motion-est", Word),
    out("me_range", Int(-1, 1_024)),
    out("subq", Int(-1, 16)),
    out("trellis", Int(-1, 2)),
    out("cmp", SetOf("chroma sad sse satd dct rd 0 1 2 3 4 5")),
    out("subcmp", SetOf("chroma sad sse satd dct rd 0 1 2 3 4 5")),
    out("mbd", OneOf("simple bits rd 0 1 2")),
    out("lossless", Int(0, 1)),
    out("tiles", Word),
    out("usage", OneOf("good realtime allintra")),
    out("context", Int(0, 1)),
    out("slicecrc", Int(-1, 1)),
    out("enc_time_base", OneOf("-1 0 demux filter")),
    // Those that repack a stream for a container, and nothing else. None has options.
    out(
        "bsf",
        OneOf(
            "aac_adtstoasc h264_mp4toannexb hevc_mp4toannexb vp9_superframe extract_extradata dump_extra mpeg4_unpack_bframes null",
        ),
    ),
    out("mpegts_service_id", Int(1, 65_535)),
    out("mpegts_transport_stream_id", Int(1, 65_535)),
    out("mpegts_start_pid", Int(32, 7_936)),
    out(
        "mpegts_flags",
        SetOf("resend_headers latm pat_pmt_at_frames system_b initial_discontinuity"),
    ),
    out("partitions", Word),
    out(
        "flags",
        SetOf("loop cgop global_header ildct ilme low_delay qpel mv4 psnr bitexact gray"),
    ),
    out(
        "flags2",
        SetOf("fast local_header ignorecrop mixed_refs wpred bpyramid dct8x8 fastpskip mbtree"),
    ),
    out("fflags", SetOf("bitexact flush_packets shortest autobsf")),
    out("weightp", Word),
    out("weightb", Int(-1, 1)),
    out("8x8dct", Int(-1, 1)),
    out("fast-pskip", Int(-1, 1)),
    out("mixed-refs", Int(-1, 1)),
    out("mbtree", Int(-1, 1)),
    out("aq-mode", Int(-1, 4)),
    out("aq-strength", Float(-1.0, 3.0)),
    out("psy-rd", Rate),
    out("rc-lookahead", Int(-1, 250)),
    out("rc_lookahead", Int(-1, 250)),
    out("direct-pred", Word),
    out("deblock", Rate),
    out("nal-hrd", OneOf("none vbr cbr")),
    out("x264-params", Params(X26X_KEYS)),
    out("x264opts", Params(X26X_KEYS)),
    out("x265-params", Params(X26X_KEYS)),
    out(
        "svtav1-params",
        Params(
            "tune film-grain film-grain-denoise keyint fast-decode enable-overlays scd lp tile-columns tile-rows lookahead aq-mode enable-qm qm-min qm-max preset crf mbr",
        ),
    ),
    out("row-mt", Int(0, 1)),
    out("cpu-used", Int(-16, 16)),
    out("speed", Int(-16, 16)),
    out("deadline", OneOf("best good realtime 1000000 0")),
    out("quality", Word),
    out("tile-columns", Int(0, 6)),
    out("tile-rows", Int(0, 6)),
    out("frame-parallel", Int(0, 1)),
    out("auto-alt-ref", Int(-1, 6)),
    out("lag-in-frames", Int(-1, 64)),
    out("arnr-maxframes", Int(0, 15)),
    out("arnr-strength", Int(0, 6)),
    out("arnr-type", Int(0, 3)),
    out("static-thresh", Int(0, 1_000_000)),
    out("undershoot-pct", Int(-1, 1_000)),
    out("overshoot-pct", Int(-1, 1_000)),
    out("slices", Int(0, 64)),
    out(
        "strict",
        OneOf("-2 -1 0 1 2 experimental normal strict very unofficial"),
    ),
    out("pix_fmt", Word),
    out("color_primaries", Word),
    out("color_trc", Word),
    out("colorspace", Word),
    out("color_range", Word),
    out("chroma_sample_location", Word),
    out("field_order", Word),
    out("s", Size),
    out("r", Rate),
    out("fpsmax", Rate),
    out("aspect", Rate),
    out("fps_mode", OneOf("passthrough cfr vfr auto")),
    out("force_key_frames", KeyFrames),
    out("frames", Int(1, 1 << 40)),
    out("t", Time),
    out("to", Time),
    out("ss", Time),
    out("shortest", Flag),
    out("copyts", Flag),
    out("start_at_zero", Flag),
    out(
        "avoid_negative_ts",
        OneOf("make_non_negative make_zero auto disabled 1 0"),
    ),
    out("muxdelay", Float(0.0, 100.0)),
    out("muxpreload", Float(0.0, 100.0)),
    out("max_muxing_queue_size", Int(1, 100_000)),
    out("max_interleave_delta", Int(0, 1 << 40)),
    out("an", Flag),
    out("vn", Flag),
    out("sn", Flag),
    out("dn", Flag),
    out("ac", Int(1, 16)),
    out("ar", Int(1_000, 384_000)),
    out("vol", Int(0, 4_096)),
    out("cutoff", Int(0, 100_000)),
    out("channel_layout", Word),
    out("sample_fmt", Word),
    out("vbr", Word),
    out("frame_duration", Float(2.5, 120.0)),
    out("application", OneOf("voip audio lowdelay")),
    out("mapping_family", Int(-1, 255)),
    out("joint_stereo", Int(0, 1)),
    out("aac_coder", OneOf("anmr twoloop fast")),
    out("map", Map),
    out("map_metadata", OneOf("-1 0")),
    out("map_chapters", OneOf("-1 0")),
    out("metadata", Metadata),
    out(
        "disposition",
        SetOf("default forced original dub comment hearing_impaired visual_impaired captions 0"),
    ),
    out("movflags", SetOf(MOVFLAGS)),
    out("brand", Word),
    out("tag", Word),
    out("frag_duration", Int(0, 1 << 40)),
    out("min_frag_duration", Int(0, 1 << 40)),
    out("video_track_timescale", Int(0, 1 << 31)),
    out("movie_timescale", Int(1, 1 << 31)),
    out("use_editlist", Int(-1, 1)),
    out("write_tmcd", Int(-1, 1)),
    out("id3v2_version", Int(0, 4)),
    out("write_id3v1", Int(0, 1)),
    out("write_xing", Int(0, 1)),
    out("timecode", Time),
    out("threads", Int(0, 256)),
    out("filter_threads", Int(0, 256)),
    out("loop", Int(-1, 65_535)),
    out("vendor", Word),
    out("mbs_per_slice", Int(1, 8)),
    out("bits_per_mb", Int(0, 8_192)),
    out("alpha_bits", Int(0, 16)),
    out(
        "sws_flags",
        SetOf(
            "fast_bilinear bilinear bicubic experimental neighbor area bicublin gauss sinc lanczos spline accurate_rnd full_chroma_int full_chroma_inp bitexact",
        ),
    ),
    out("filter", Graph),
    out("filter_complex", Graph),
    out("autorotate", Int(0, 1)),
];

/// The entry for an option on one side.
pub(super) fn find(name: &str, side: Side) -> Option<&'static Entry> {
    let list = match side {
        Side::Input => INPUT,
        Side::Output => OUTPUT,
    };
    list.iter().find(|entry| entry.name == name)
}

/// Everything that is allowed.
pub fn allowed_options() -> impl Iterator<Item = &'static Entry> {
    INPUT.iter().chain(OUTPUT)
}
