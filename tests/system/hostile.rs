//! Attacks, carried out for real: through the API of a real server with a real encoder, and on FFmpeg directly.
//!
//! Two layers must each stop all of them alone: the checks of what jobs may ask for, and the sandbox. The last tests take a layer
//! away and show that the same attacks then do harm, so that the others cannot pass by accident.

mod alone;
mod canary;
mod corpus;
mod media;
mod shared;

use std::{
    fmt::Write as _,
    io::{Read as _, Write as _},
    net::TcpStream,
};

use serde_json::{Value, json};

use crate::harness::{System, file_url, make_clip};
use canary::Canary;
use corpus::{Attack, Expect};

/// A system under attack.
struct Siege {
    system: System,
    canary: Canary,
}

/// What was said to one request.
struct Answer {
    status: u16,
    body: Value,
}

impl Answer {
    fn refused(&self) -> bool {
        (400..500).contains(&self.status) || (self.status == 200 && self.body["success"] == false)
    }
}

impl Siege {
    fn begin(settings: &[(&str, &str)]) -> Self {
        let mut all = vec![
            ("NOMMER_NETWORK__ALLOW_PRIVATE_NETWORK", "false"),
            ("NOMMER_JOBS__TIME_LIMIT", "20s"),
        ];
        all.extend(settings);
        let system = System::start_with(&all);
        make_clip(&system.path("in.mp4"), 1, "128x112");
        Self {
            system,
            canary: Canary::new(),
        }
    }

    fn fill(&self, text: &str) -> String {
        let place = |path: std::path::PathBuf| path.display().to_string();
        self.canary
            .fill(text)
            .replace("{WORK}", &place(self.system.folder.path().to_owned()))
            .replace("{DATA}", &place(self.system.data()))
            .replace("{SOURCE}", &file_url(&self.system.path("in.mp4")))
    }

    fn filled(&self, pairs: &[Value]) -> Vec<Value> {
        let fill = |value: &Value| match value {
            Value::String(text) => Value::String(self.fill(text)),
            other => other.clone(),
        };
        pairs
            .iter()
            .map(|pair| json!([fill(&pair[0]), fill(&pair[1])]))
            .collect()
    }

    fn job(&self, attack: &Attack, number: usize) -> Value {
        let served = |name: &str| file_url(&self.system.path(name));
        let source = match (&attack.media, &attack.source) {
            (Some(media), None) => served(&media.name),
            (_, Some(source)) => self.fill(source),
            (None, None) => served("in.mp4"),
        };
        let destination = attack.destination.as_deref();
        let destination = destination.map_or_else(
            || served(&format!("out-{number}.mp4")),
            |place| self.fill(place),
        );
        let mut pass = json!({"outfile_options": [["c", "copy"]]});
        if !(attack.outfile.is_empty() && attack.infile.is_empty()) {
            pass["outfile_options"] = self.filled(&attack.outfile).into();
            pass["infile_options"] = self.filled(&attack.infile).into();
        }
        let notify = attack.notify.as_deref().map(|url| self.fill(url));
        json!({
            "source_path": source, "dest_path": destination, "notify_url": notify,
            "job_options": {"nommer": "ffmpeg", "options": [pass]},
        })
    }

    /// Sends one attack on both routes; the job's id if it was taken, and what is wrong.
    fn send(&self, attack: &Attack, number: usize) -> Result<Option<String>, String> {
        if let Some(raw) = &attack.raw {
            let legacy = self.post("/job/submit", &raw.text, &raw.content_type);
            let answer = self.post("/v1/jobs", &raw.text, &raw.content_type);
            let crashed = legacy.status >= 500 || answer.status >= 500;
            return judge(
                attack,
                &answer,
                crashed || (attack.expect == Expect::Refused && !legacy.refused()),
            );
        }
        if let Some(media) = &attack.media {
            media::make(media, self.system.folder.path(), |text| self.fill(text));
        }
        let mut body = self.job(attack, number);
        let refused_by_legacy = || {
            self.post("/job/submit", &body.to_string(), "application/json")
                .refused()
        };
        let odd = attack.expect == Expect::Refused && !refused_by_legacy();
        body["max_attempts"] = json!(1);
        judge(
            attack,
            &self.post("/v1/jobs", &body.to_string(), "application/json"),
            odd,
        )
    }

    /// One request, written by hand: some of these are no HTTP that a client would send.
    fn post(&self, path: &str, body: &str, content_type: &str) -> Answer {
        let host = self.system.api.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        let request = format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        // A server may answer and hang up before it has read a body that is too long.
        stream.write_all(request.as_bytes()).ok();
        let mut text = Vec::new();
        stream.read_to_end(&mut text).ok();
        let text = String::from_utf8_lossy(&text);
        let status = text
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let body = text.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Answer {
            status: status.unwrap_or_else(|| panic!("no answer to {length} bytes: {text:?}")),
            body: serde_json::from_str(body).unwrap_or(Value::Null),
        }
    }

    /// Carries out every attack; all that went wrong.
    fn run(&self, attacks: &[Attack]) -> String {
        let mut wrong = String::new();
        let mut taken = Vec::new();
        for (number, attack) in attacks.iter().enumerate() {
            match self.send(attack, number) {
                Ok(Some(id)) => taken.push((attack, id, number)),
                Ok(None) => {}
                Err(problem) => writeln!(wrong, "{}: {problem}", attack.id).unwrap(),
            }
        }
        for (attack, id, number) in taken {
            let job = self.system.ended(&id);
            let written = self.system.path(&format!("out-{number}.mp4")).is_file();
            let well = match attack.expect {
                Expect::Encodes => job["state"] == "FINISHED" && written,
                Expect::Fails => job["state"] == "ERROR" && !written,
                Expect::Refused | Expect::Harmless | Expect::Accepted => true,
            };
            if !well {
                writeln!(
                    wrong,
                    "{}: ended as {} {}",
                    attack.id, job["state"], job["error"]
                )
                .unwrap();
            }
        }
        for touched in self.canary.touched() {
            writeln!(wrong, "an attack {touched}").unwrap();
        }
        wrong
    }
}

fn judge(attack: &Attack, answer: &Answer, odd: bool) -> Result<Option<String>, String> {
    let taken = answer.status == 201;
    let right = match attack.expect {
        Expect::Refused => answer.refused(),
        Expect::Fails | Expect::Accepted | Expect::Encodes => taken,
        Expect::Harmless => taken || answer.refused(),
    };
    if !right || odd {
        let which = if odd {
            " (the original's route disagrees)"
        } else {
            ""
        };
        return Err(format!(
            "{:?}, but {} {}{which}",
            attack.expect, answer.status, answer.body
        ));
    }
    Ok(taken.then(|| answer.body["id"].as_str().unwrap().to_owned()))
}

#[test]
fn no_attack_gets_through_both_layers() {
    let siege = Siege::begin(&[("NOMMER_FFMPEG__SANDBOX", "strict")]);
    let wrong = siege.run(&corpus::all());
    assert!(wrong.is_empty(), "{wrong}");
    siege.system.assert_clean();
}

#[test]
fn no_attack_gets_through_the_checks_alone() {
    let siege = Siege::begin(&[("NOMMER_FFMPEG__SANDBOX", "off")]);
    let wrong = siege.run(&corpus::all());
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn no_attack_gets_through_the_sandbox_alone() {
    let canary = Canary::new();
    let run =
        alone::Arena::new(nommer_encoder::sandbox::Mode::Strict).run_all(&corpus::all(), &canary);
    assert!(run > 300, "only {run} attacks reach FFmpeg");
    assert_eq!(canary.touched(), Vec::<String>::new());
}

/// What an operator might let in without a thought.
const WIDE_OPEN: [(&str, &str); 2] = [
    (
        "NOMMER_FFMPEG__EXTRA_OPTIONS",
        r#"["attach", "x264-params", "vstats_file", "filter_script", "x265-params"]"#,
    ),
    (
        "NOMMER_FFMPEG__EXTRA_FILTERS",
        r#"["movie", "amovie", "lut3d", "curves", "metadata", "drawtext", "subtitles"]"#,
    ),
];

/// The attacks that such an operator invites.
const INVITED: [&str; 9] = [
    "attach a file",
    "x264 statistics",
    "vstats file",
    "movie",
    "movie, address",
    "lut file",
    "curves file",
    "metadata to a file",
    "drawtext, text file",
];

/// Sends the invited attacks one by one; those that touched something, and what.
fn invite(siege: &Siege) -> Vec<(String, Vec<String>)> {
    let all = corpus::all();
    let named = |id: &str| all.iter().find(|attack| attack.id == id).unwrap().clone();
    let mut touched = Vec::new();
    for (number, attack) in INVITED.iter().map(|id| named(id)).enumerate() {
        let expect = Expect::Accepted;
        let wrong = siege
            .send(
                &Attack {
                    expect,
                    ..attack.clone()
                },
                number,
            )
            .map(|id| siege.system.ended(&id.unwrap()));
        assert!(wrong.is_ok(), "{}: {wrong:?}", attack.id);
        touched.push((attack.id, siege.canary.touched()));
    }
    touched.retain(|(_, touched)| !touched.is_empty());
    touched
}

#[test]
fn attacks_bite_where_the_sandbox_is_off_and_nothing_is_checked() {
    let (arena, canary) = (
        alone::Arena::new(nommer_encoder::sandbox::Mode::Off),
        Canary::new(),
    );
    let attacks: Vec<_> = corpus::all()
        .into_iter()
        .filter(|attack| attack.bites)
        .collect();
    assert!(
        attacks.len() >= 40,
        "only {} attacks are known to bite",
        attacks.len()
    );
    for attack in attacks {
        assert!(
            !arena.bitten(&attack, &canary).is_empty(),
            "{} touched nothing",
            attack.id
        );
    }
}

#[test]
fn what_an_operator_lets_in_is_still_held_by_the_sandbox() {
    let mut settings = WIDE_OPEN.to_vec();
    settings.push(("NOMMER_FFMPEG__SANDBOX", "strict"));
    assert_eq!(invite(&Siege::begin(&settings)), Vec::new());
}

#[test]
fn what_an_operator_lets_in_bites_where_the_sandbox_is_off() {
    let mut settings = WIDE_OPEN.to_vec();
    settings.push(("NOMMER_FFMPEG__SANDBOX", "off"));
    let touched = invite(&Siege::begin(&settings));
    assert_eq!(touched.len(), INVITED.len(), "only these bit: {touched:?}");
}

#[test]
fn private_addresses_are_called_where_the_operator_allows_them() {
    let siege = Siege::begin(&[("NOMMER_NETWORK__ALLOW_PRIVATE_NETWORK", "true")]);
    let mut attack = Attack::new("listener as source", Expect::Harmless);
    attack.source = Some("http://127.0.0.1:{PORT}/in.mp4".to_owned());
    let id = siege.send(&attack, 0).unwrap().unwrap();
    siege.system.ended(&id);
    assert!(
        siege
            .canary
            .touched()
            .iter()
            .any(|touched| touched.contains("TCP"))
    );
}
