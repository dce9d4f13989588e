use serde_json::{Value, json};

use super::*;
use crate::{
    error::Code,
    plan::ProductKind,
    probe::{Stream, StreamKind},
    testing,
};

fn source(width: u32, height: u32) -> Probe {
    let video = Stream {
        kind: StreamKind::Video,
        codec: Some("h264".to_owned()),
        width: Some(width),
        height: Some(height),
        pix_fmt: Some("yuv420p".to_owned()),
        ..Stream::default()
    };
    let audio = Stream {
        kind: StreamKind::Audio,
        codec: Some("aac".to_owned()),
        channels: Some(2),
        ..Stream::default()
    };
    Probe {
        duration: Some(Duration::from_secs(60)),
        streams: vec![audio, video],
        ..Probe::default()
    }
}

fn plan(outputs: &Value, probe: &Probe) -> Result<Plan, JobError> {
    let spec = testing::spec(
        &json!({"dest_path": "s3://out-bucket/a/", "outputs": outputs, "preset": null}),
    );
    compile(
        &spec,
        probe,
        "mov".into(),
        &OptionPolicy::default(),
        "job_1",
    )
}

fn line(plan: &Plan, pass: usize) -> String {
    plan.passes[pass].args.join(" ")
}

#[test]
fn several_sizes_come_from_one_decode() {
    let outputs = json!([
        {"name": "hd", "video": {"height": 720, "crf": 21}},
        {"name": "sd", "video": {"height": 480}, "audio": false},
        {"name": "sound", "container": "m4a"},
    ]);
    let plan = plan(&outputs, &source(1_920, 1_080)).unwrap();
    assert_eq!(plan.passes.len(), 1);
    let line = line(&plan, 0);
    assert_eq!(line.matches(" -i ").count(), 1, "{line}");
    let graph = "-filter_complex [0:1]split=2[s0][s1];[s0]scale=1280:720,setsar=1,format=yuv420p[v0];[s1]scale=854:480,setsar=1,format=yuv420p[v1]";
    assert!(line.contains(graph), "{line}");
    let hd = "-map [v0] -map 0:0 -c:v libx264 -preset:v veryfast -profile:v high -crf:v 21 -c:a aac -b:a 128000 -f mp4 file:output-hd";
    assert!(line.contains(hd), "{line}");
    assert!(
        line.ends_with("-map 0:0 -c:a aac -b:a 128000 -f mp4 file:output-sound"),
        "{line}"
    );
    let moved = ProductKind::File { relocate: true };
    let files = plan.products.iter();
    let files: Vec<_> = files.map(|product| product.file.as_str()).collect();
    assert_eq!(files, ["output-hd", "output-sd", "output-sound"]);
    assert!(plan.products.iter().all(|product| product.kind == moved));
}

#[test]
fn two_passes_analyze_only_what_asks_for_them() {
    let outputs = json!([
        {"name": "a", "video": {"height": 720, "bitrate": "2M", "two_pass": true}},
        {"name": "b", "video": {"height": 480}},
    ]);
    let plan = plan(&outputs, &source(1_280, 720)).unwrap();
    let (first, second) = (line(&plan, 0), line(&plan, 1));
    assert!(
        first.contains("-pass:v 1 -x264-params:v stats=statistics-a-0 -f null /dev/null"),
        "{first}"
    );
    assert!(!first.contains("480") && !first.contains("-c:a"), "{first}");
    assert!(
        second.contains("-pass:v 2 -x264-params:v stats=statistics-a-0"),
        "{second}"
    );
    assert_eq!(second.matches("-pass:v").count(), 1, "{second}");
    assert!(plan.passes[0].weight < plan.passes[1].weight);
}

#[test]
fn a_ladder_leaves_out_what_is_larger_than_the_source_and_says_so() {
    let outputs =
        json!([{"name": "stream", "container": "cmaf", "ladder": ["1080p", "720p", "480p"]}]);
    let made = plan(&outputs, &source(1_280, 720)).unwrap();
    let text = line(&made, 0);
    assert!(
        text.contains("split=2")
            && text.contains("-b:v:0 2800000")
            && text.contains("-maxrate:v:1 1200000"),
        "{text}"
    );
    assert!(
        text.ends_with("-hls_master_name master.m3u8 output-stream/manifest.mpd"),
        "{text}"
    );
    assert!(text.contains("job_1/init-"), "{text}");
    assert_eq!(made.warnings.len(), 1);
    assert_eq!(made.warnings[0].code, "rendition_dropped");
    let tiny = plan(&outputs, &source(320, 180)).unwrap();
    assert!(
        line(&tiny, 0).contains("scale=320:180"),
        "one rendition is left"
    );
    assert!(
        tiny.warnings
            .iter()
            .any(|warning| warning.code == "not_upscaled")
    );
}

#[test]
fn a_source_without_what_is_needed_is_a_clear_error_or_a_warning() {
    let mut silent = source(640, 360);
    silent.streams.remove(0);
    let quiet = plan(&json!([{"name": "a"}]), &silent).unwrap();
    assert_eq!(quiet.warnings[0].code, "no_audio");
    assert!(!line(&quiet, 0).contains("-c:a"));
    let error = plan(&json!([{"container": "mp3"}]), &silent).unwrap_err();
    assert_eq!(
        (error.code, error.message.contains("sound")),
        (Code::SourceUnreadable, true)
    );
    let mut blind = source(640, 360);
    blind.streams.remove(1);
    let error = plan(&json!([{"name": "a"}]), &blind).unwrap_err();
    assert_eq!(
        (error.code, error.message.contains("pictures")),
        (Code::SourceUnreadable, true)
    );
    plan(&json!([{"container": "mp3"}]), &blind).unwrap();
}

#[test]
fn a_copy_goes_through_no_filter_and_a_clip_is_cut_at_the_input() {
    let spec = testing::spec(&json!({"preset": null, "clip": {"start": 10, "end": 25.5},
        "outputs": [{"video": {"codec": "copy"}, "audio": {"codec": "copy"}}]}));
    let plan = compile(
        &spec,
        &source(640, 360),
        "mov".into(),
        &OptionPolicy::default(),
        "x",
    )
    .unwrap();
    let line = line(&plan, 0);
    assert!(
        line.contains("-ss 10 -t 15.5 ") && line.contains("-map 0:1 -map 0:0 -c:v copy -c:a copy"),
        "{line}"
    );
    assert!(!line.contains("filter"), "{line}");
    assert_eq!(plan.duration, Some(Duration::from_millis(15_500)));
}

#[test]
fn every_preset_of_outputs_makes_a_plan() {
    for preset in &crate::presets::ALL {
        let outputs = preset.outputs();
        if outputs.is_empty() {
            continue;
        }
        let dest = if outputs[0].container.packaged() {
            "s3://out-bucket/a/"
        } else {
            "s3://out-bucket/a.bin"
        };
        let spec = testing::spec(&json!({"dest_path": dest, "preset": preset.name}));
        let plan = compile(
            &spec,
            &source(3_840, 2_160),
            "mov".into(),
            &OptionPolicy::default(),
            "x",
        )
        .unwrap();
        assert!(
            plan.warnings.is_empty(),
            "{}: {:?}",
            preset.name,
            plan.warnings
        );
    }
}

#[test]
fn still_pictures_come_from_the_same_decode() {
    let spec = testing::spec(&json!({"preset": null, "dest_path": "s3://out-bucket/a/",
        "outputs": [{"name": "a", "video": {"codec": "copy"}}],
        "thumbnails": {"poster_at": "50%", "interval": 5, "sprite": true}}));
    let plan = compile(
        &spec,
        &source(1_920, 1_080),
        "mov".into(),
        &OptionPolicy::default(),
        "job_1",
    )
    .unwrap();
    let line = line(&plan, 0);
    assert!(
        line.contains("[0:1]split=2[s0][s1];[s0]select='gte(t,30)',scale=1920:1080"),
        "{line}"
    );
    assert!(
        line.contains("scale=160:90,setsar=1,format=yuvj420p,tile=10x2[v1]"),
        "{line}"
    );
    assert!(
        line.contains("-map [v0] -c:v mjpeg -q:v 3 -frames:v 1 -f image2 -update 1 file:poster"),
        "{line}"
    );
    assert!(
        line.ends_with("-f image2 file:thumbnails/job_1/%05d.jpg"),
        "{line}"
    );
    let names: Vec<_> = plan
        .products
        .iter()
        .filter_map(|product| product.name.as_deref())
        .collect();
    assert_eq!(names, ["a", "poster", "thumbnails"]);
    assert_eq!(spec.places(spec.dest_path.as_ref().unwrap()).len(), 3);
}

#[test]
fn a_length_is_expected_only_of_what_is_used() {
    let outputs = json!([{"name": "both"}, {"name": "silent", "audio": false}, {"name": "sound", "container": "m4a"}]);
    let lengths = |probe: &Probe| {
        let products = plan(&outputs, probe).unwrap().products;
        let seconds = |product: &Product| product.expected.map(|lasts| lasts.as_secs());
        products.iter().map(seconds).collect::<Vec<_>>()
    };
    let mut probe = source(640, 360);
    assert_eq!(
        lengths(&probe),
        [Some(60), None, None],
        "the whole is known alone"
    );
    probe.streams[0].seconds = Some(30.0);
    probe.streams[1].seconds = Some(50.0);
    assert_eq!(lengths(&probe), [Some(50), Some(50), Some(30)]);
    let product = &plan(&outputs, &probe).unwrap().products[0];
    assert!(product.is_whole(48.5) && !product.is_whole(47.5));
}
