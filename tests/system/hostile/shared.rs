//! Reads attacks in another form: objects of `id`, `kind`, `payload` and `expect`, whose payload is a whole job.

use serde_json::Value;

use super::corpus::{Attack, Content, Expect, Media, Raw, options_without_end, strings};

/// Every entry that can be sent. Those that only describe a server's or a process's behaviour have tests of their own.
pub(super) fn read(entries: &[Value]) -> Vec<Attack> {
    entries.iter().filter_map(attack).collect()
}

fn attack(entry: &Value) -> Option<Attack> {
    let (id, payload) = (entry["id"].as_str().unwrap(), &entry["payload"]);
    if entry["kind"] == "api_abuse" {
        return api(id, payload);
    }
    let mut attack = Attack::new(id, expect(entry));
    if payload.get("generate").is_some() {
        return Some(generated(attack));
    }
    let job = payload.get("job");
    if let Some(url) = payload["url"].as_str() {
        let field = match payload["field"].as_str() {
            Some("notify_url") => &mut attack.notify,
            Some("dest_path") => &mut attack.destination,
            _ => &mut attack.source,
        };
        *field = Some(url.to_owned());
    } else {
        let source = job?["source_path"].as_str().unwrap();
        attack.source = (!source.starts_with("s3://src-bucket/")).then(|| source.to_owned());
    }
    if let Some(job) = job.filter(|_| payload.get("url").is_none()) {
        let pass = &job["job_options"]["options"][0];
        let pairs = |key: &str| pass[key].as_array().cloned().unwrap_or_default();
        attack.infile = pairs("infile_options");
        attack.outfile = pairs("outfile_options");
        // The source of these jobs lasts for a second.
        attack
            .outfile
            .retain(|pair| pair[0] != "ss" || attack.expect != Expect::Encodes);
        if attack.expect == Expect::Encodes {
            attack.outfile.retain(|pair| pair[0] != "pass");
        }
    }
    if let Some(name) = payload["filename"].as_str() {
        attack.media = Some(Media {
            name: name.to_owned(),
            content: Content::Text(payload["body"].as_str().unwrap().to_owned()),
        });
    }
    attack.argv = payload["argv_tail"].as_array().map(|words| strings(words));
    attack.argv_output = payload["dest_name"].as_str().map(str::to_owned);
    Some(attack)
}

fn expect(entry: &Value) -> Expect {
    let expect = &entry["expect"];
    match expect["submit"].as_str() {
        _ if expect.get("or").is_some() => Expect::Harmless,
        Some("accept_202") if expect["job_state"] == "ERROR" => Expect::Fails,
        Some("accept_202") => Expect::Encodes,
        Some("accept_202_or_policy_reject") => Expect::Harmless,
        _ => Expect::Refused,
    }
}

fn generated(mut attack: Attack) -> Attack {
    let long = "a".repeat(5_000);
    if attack.id.starts_with("URL") {
        attack.notify = Some(format!("http://example.com/{long}"));
    } else {
        attack.outfile = vec![serde_json::json!(["metadata", format!("title={long}")]); 300];
    }
    attack
}

fn api(id: &str, payload: &Value) -> Option<Attack> {
    let kind = id.strip_prefix("API-").unwrap();
    let text = match kind {
        "depth_100k" => "[".repeat(100_000),
        "body_10MB" => format!("{{\"x\":\"{}\"}}", "A".repeat(10_000_000)),
        "options_100k_pairs" => options_without_end(),
        "content_type_form" => "source_path=s3%3A%2F%2Fa%2Fb".to_owned(),
        // These are about what two requests or two callers see of each other.
        "idempotency_same_key_same_body" | "key_other_tenant_get" | "jwt_wrong_aud" => return None,
        _ => payload.as_str().unwrap().to_owned(),
    };
    let expect = match kind {
        "xss_in_field" | "unique_id_injected" => Expect::Harmless,
        _ => Expect::Refused,
    };
    let content_type = match kind {
        "content_type_form" => "application/x-www-form-urlencoded",
        _ => "application/json",
    };
    let mut attack = Attack::new(id, expect);
    attack.raw = Some(Raw {
        text,
        content_type: content_type.to_owned(),
    });
    Some(attack)
}
