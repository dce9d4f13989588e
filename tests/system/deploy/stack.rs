//! One stack of the template on the emulators, under a name of its own.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus},
    sync::OnceLock,
    time::{Duration, Instant},
};

use aws_sdk_cloudformation::types::{Capability, Parameter};
use aws_sdk_s3::primitives::ByteStream;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::OnceCell;
use uuid::Uuid;

use super::imds::{self, Notice};
use crate::{
    emulator::{ministack, moto},
    harness::{LIMIT, bins, eventually, output_of, repository},
};

/// Where packages and the template are uploaded, as `sam deploy` does.
const ARTIFACTS: &str = "deploy-artifacts";

/// Parameters for every test: emulators, short waits, and an API for everybody.
const PARAMETERS: [(&str, &str); 8] = [
    ("AllowAnonymousLegacy", "true"),
    ("ApiAuthorization", "NONE"),
    ("AllowPrivateNetwork", "true"),
    ("FleetMax", "2"),
    ("FleetIdleTimeout", "4s"),
    ("EncoderHeartbeat", "2s"),
    ("EncoderLease", "8s"),
    // Machines that run tests may lack parts of the sandbox; the sandbox has tests of its own.
    ("FfmpegSandbox", "best-effort"),
];

/// A checksum for stacks whose instances fetch nothing: they are played here.
const NO_PACKAGE: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What makes a stack of the template one on the emulators.
pub(super) fn emulated() -> [(&'static str, &'static str); 3] {
    [
        ("EndpointUrl", ministack().url()),
        ("Ec2EndpointUrl", moto().url()),
        ("EncoderImageId", "ami-12c6146b"),
    ]
}

/// A name that no other stack has.
pub(super) fn fresh_name() -> String {
    format!("t{}", &Uuid::new_v4().simple().to_string()[..12])
}

fn s3(sdk: &aws_config::SdkConfig) -> aws_sdk_s3::Client {
    let conf = aws_sdk_s3::config::Builder::from(sdk).force_path_style(true);
    aws_sdk_s3::Client::from_conf(conf.build())
}

/// What `cargo xtask dist` makes, made once.
pub(super) fn packages() -> &'static Path {
    static MADE: OnceLock<TempDir> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut dist = Command::new(cargo);
        dist.current_dir(repository());
        dist.args(["xtask", "dist", "--debug", "--output"]);
        output_of(dist.arg(folder.path()));
        folder
    });
    made.path()
}

/// A deployed stack.
pub(super) struct Deployment {
    name: String,
    outputs: BTreeMap<String, String>,
    s3: aws_sdk_s3::Client,
    ec2: aws_sdk_ec2::Client,
    cloudformation: aws_sdk_cloudformation::Client,
}

/// An encoder process in the place of an instance. Killed when dropped.
pub(super) struct Encoder(Child, Notice);

impl Encoder {
    pub(super) fn kill(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }

    /// EC2 says that it takes the instance away.
    pub(super) fn give_notice(&self) {
        self.1.give();
    }

    /// Whether it has ended.
    pub(super) fn has_ended(&mut self) -> bool {
        self.0.try_wait().unwrap().is_some()
    }

    /// Waits until it ends by itself.
    pub(super) fn wait(&mut self) -> ExitStatus {
        eventually("the encoder to end", || self.0.try_wait().unwrap())
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Uploads the packages, once.
async fn artifacts(s3: &aws_sdk_s3::Client) {
    static UPLOADED: OnceCell<()> = OnceCell::const_new();
    let upload = async || {
        s3.create_bucket().bucket(ARTIFACTS).send().await.unwrap();
        let mut template =
            std::fs::read_to_string(repository().join("infra/template.yaml")).unwrap();
        for name in ["submit", "scale", "prune", "state-change"] {
            let zip = format!("{name}.zip");
            let body = ByteStream::from_path(packages().join(&zip)).await.unwrap();
            s3.put_object()
                .bucket(ARTIFACTS)
                .key(&zip)
                .body(body)
                .send()
                .await
                .unwrap();
            let local = format!("../dist/{zip}");
            assert!(template.contains(&local), "{local}");
            template = template.replace(&local, &format!("s3://{ARTIFACTS}/{zip}"));
        }
        let body = ByteStream::from(template.into_bytes());
        let put = s3.put_object().bucket(ARTIFACTS).key("template.yaml");
        put.body(body).send().await.unwrap();
    };
    UPLOADED.get_or_init(upload).await;
}

impl Deployment {
    /// The name that it has on the emulators.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// A resource that the stack names in its outputs.
    pub(super) fn output(&self, name: &str) -> &str {
        &self.outputs[name]
    }

    /// Whether there is such a bucket.
    pub(super) async fn has_bucket(&self, name: &str) -> bool {
        self.s3.head_bucket().bucket(name).send().await.is_ok()
    }

    /// Deploys the template with these parameters besides.
    pub(super) async fn new(parameters: &[(&str, &str)]) -> Self {
        let sdk = ministack().config().await;
        artifacts(&s3(&sdk)).await;
        let cloudformation = aws_sdk_cloudformation::Client::new(&sdk);
        let name = fresh_name();
        let mut all: BTreeMap<_, _> = PARAMETERS.into_iter().chain(emulated()).collect();
        all.insert("EncoderPackageSha256", NO_PACKAGE);
        all.extend(parameters.iter().copied());
        let url = format!("{}/{ARTIFACTS}/template.yaml", ministack().url());
        let parameter = |(key, value): (&str, &str)| {
            Parameter::builder()
                .parameter_key(key)
                .parameter_value(value)
                .build()
        };
        cloudformation
            .create_stack()
            .stack_name(&name)
            .template_url(url)
            .capabilities(Capability::CapabilityIam)
            .capabilities(Capability::CapabilityAutoExpand)
            .set_parameters(Some(all.into_iter().map(parameter).collect()))
            .send()
            .await
            .unwrap();
        Self::of(&name).await
    }

    /// A stack that is being created, or was.
    pub(super) async fn of(name: &str) -> Self {
        let sdk = ministack().config().await;
        let cloudformation = aws_sdk_cloudformation::Client::new(&sdk);
        let deployment = Self {
            name: name.to_owned(),
            outputs: created(&cloudformation, name).await,
            s3: s3(&sdk),
            ec2: aws_sdk_ec2::Client::new(&moto().config().await),
            cloudformation,
        };
        deployment.move_launch_template(&sdk).await;
        deployment
    }

    /// The launch template was made where the rest of the stack is; instances are launched by the other emulator.
    async fn move_launch_template(&self, sdk: &aws_config::SdkConfig) {
        use aws_sdk_ec2::types::RequestLaunchTemplateData;
        let from = aws_sdk_ec2::Client::new(sdk);
        let versions = from
            .describe_launch_template_versions()
            .launch_template_id(&self.outputs["LaunchTemplateId"])
            .versions("$Latest")
            .send()
            .await
            .unwrap();
        let data = versions.launch_template_versions()[0]
            .launch_template_data()
            .unwrap();
        let made = self
            .ec2
            .create_launch_template()
            .launch_template_name(&self.name)
            .launch_template_data(
                RequestLaunchTemplateData::builder()
                    .set_image_id(data.image_id.clone())
                    .set_user_data(data.user_data.clone())
                    .build(),
            )
            .send()
            .await
            .unwrap();
        let subnets = self.ec2.describe_subnets().send().await.unwrap();
        let subnet = subnets.subnets()[0].subnet_id().unwrap().to_owned();
        let id = made.launch_template.unwrap().launch_template_id.unwrap();
        let function = self.function("ScaleFunction").await;
        let url = format!(
            "{}/2015-03-31/functions/{function}/configuration",
            ministack().url()
        );
        let (_, found) = curl("GET", &url, None);
        let mut variables = found["Environment"]["Variables"].clone();
        variables["NOMMER_LAUNCH_TEMPLATE_ID"] = json!(id);
        variables["NOMMER_SUBNET_IDS"] = json!(subnet);
        let update = json!({"Environment": {"Variables": variables}});
        let (status, answer) = curl("PUT", &url, Some(&update));
        assert_eq!(status, 200, "{answer}");
    }

    /// Nothing runs from here on but what is asked for.
    pub(super) async fn stop_schedules(&self) {
        let events = aws_sdk_eventbridge::Client::new(&ministack().config().await);
        let rules = events.list_rules().name_prefix(&self.name);
        for rule in rules.send().await.unwrap().rules() {
            if rule.schedule_expression().is_some() {
                let disable = events.disable_rule().name(rule.name().unwrap());
                disable.send().await.unwrap();
            }
        }
    }

    /// The name that a function of the template got.
    async fn function(&self, logical: &str) -> String {
        let found = self
            .cloudformation
            .describe_stack_resource()
            .stack_name(&self.name)
            .logical_resource_id(logical)
            .send()
            .await
            .unwrap();
        let detail = found.stack_resource_detail.unwrap();
        detail.physical_resource_id.unwrap()
    }

    /// Runs a function now, as its schedule would.
    pub(super) fn invoke(&self, logical: &str, event: &Value) -> Value {
        let name = tokio::task::block_in_place(|| {
            tokio::runtime::Handle::current().block_on(self.function(logical))
        });
        let url = format!(
            "{}/2015-03-31/functions/{name}/invocations",
            ministack().url()
        );
        let (status, answer) = curl("POST", &url, Some(event));
        assert_eq!(status, 200, "{answer}");
        assert_eq!(answer["errorMessage"], Value::Null, "{answer}");
        answer
    }

    /// An address in the stack's bucket.
    pub(super) fn media(&self, key: &str) -> String {
        format!("s3://{}/{key}", self.outputs["MediaBucket"])
    }

    pub(super) async fn upload(&self, key: &str, file: &Path) -> String {
        let body = ByteStream::from_path(file).await.unwrap();
        let put = self.s3.put_object().bucket(&self.outputs["MediaBucket"]);
        put.key(key).body(body).send().await.unwrap();
        self.media(key)
    }

    pub(super) async fn download(&self, key: &str) -> Option<Vec<u8>> {
        self.object("MediaBucket", key).await
    }

    /// What is in the bucket that an output names.
    pub(super) async fn object(&self, output: &str, key: &str) -> Option<Vec<u8>> {
        let get = self.s3.get_object().bucket(self.output(output));
        let found = get.key(key).send().await.ok()?;
        Some(found.body.collect().await.unwrap().to_vec())
    }

    pub(super) async fn assert_no_unfinished_uploads(&self) {
        let list = self.s3.list_multipart_uploads();
        let found = list
            .bucket(&self.outputs["MediaBucket"])
            .send()
            .await
            .unwrap();
        assert_eq!(found.uploads().len(), 0);
    }

    /// One request to the API.
    pub(super) fn http(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        curl(method, &format!("{}{path}", self.outputs["ApiUrl"]), body)
    }

    pub(super) fn job(&self, id: &str) -> Value {
        let (status, job) = self.http("GET", &format!("/v1/jobs/{id}"), None);
        assert_eq!(status, 200, "{job}");
        job
    }

    /// The job once it has ended.
    pub(super) fn ended(&self, id: &str) -> Value {
        eventually("the job to end", || {
            let job = self.job(id);
            let ends = ["FINISHED", "ERROR", "ABANDONED", "CANCELED"];
            ends.contains(&job["state"].as_str()?).then_some(job)
        })
    }

    /// Instances that run for this stack.
    pub(super) async fn machines(&self) -> Vec<String> {
        use nommer_core::ports::Fleet as _;
        let config = nommer_aws_fleet::Ec2FleetConfig::of_stack(&self.name);
        let fleet = nommer_aws_fleet::Ec2Fleet::new(&moto().config().await, config);
        let machines = fleet.machines().await.unwrap();
        machines
            .iter()
            .map(|one| one.id.as_str().to_owned())
            .collect()
    }

    /// Waits until so many instances run.
    pub(super) async fn launched(&self, count: usize) -> Vec<String> {
        let begun = Instant::now();
        loop {
            let machines = self.machines().await;
            if machines.len() >= count {
                return machines;
            }
            assert!(
                begun.elapsed() < LIMIT,
                "waited in vain for {count} instances"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// What powering the machine off does, as its launch template says.
    pub(super) async fn power_off(&self, instance: &str) {
        let terminate = self.ec2.terminate_instances().instance_ids(instance);
        terminate.send().await.unwrap();
    }

    /// Runs the encoder as the instance would, with the environment that its user data writes.
    pub(super) async fn play(&self, instance: &str) -> Encoder {
        self.play_with(instance, None).await
    }

    /// The same with a variable besides.
    pub(super) async fn play_with(
        &self,
        instance: &str,
        variable: Option<(&'static str, String)>,
    ) -> Encoder {
        use aws_sdk_ec2::types::InstanceAttributeName;
        let found = self
            .ec2
            .describe_instance_attribute()
            .instance_id(instance)
            .attribute(InstanceAttributeName::UserData)
            .send()
            .await
            .unwrap();
        let data = found.user_data.and_then(|data| data.value).unwrap();
        let data = String::from_utf8(STANDARD.decode(data).unwrap()).unwrap();
        let variables = data
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name, value.trim_matches('\'')));
        let program: PathBuf = bins().join("nommer-encoder");
        let work = tempfile::tempdir().unwrap().keep();
        let notice = Notice::default();
        let child = Command::new(program)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .envs(variables)
            .envs(variable)
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env(
                "AWS_EC2_METADATA_SERVICE_ENDPOINT",
                imds::start(instance, &notice),
            )
            .arg("--work-dir")
            .arg(work)
            .spawn()
            .unwrap();
        Encoder(child, notice)
    }
}

/// Waits for the stack; its outputs.
pub(super) async fn created(
    client: &aws_sdk_cloudformation::Client,
    name: &str,
) -> BTreeMap<String, String> {
    let begun = Instant::now();
    loop {
        let answer = client
            .describe_stacks()
            .stack_name(name)
            .send()
            .await
            .unwrap();
        let stack = &answer.stacks()[0];
        let status = stack.stack_status().unwrap().as_str();
        if status == "CREATE_COMPLETE" {
            let outputs = stack.outputs().iter();
            return outputs
                .map(|one| {
                    let value = one.output_value().unwrap_or_default();
                    (one.output_key().unwrap().to_owned(), value.to_owned())
                })
                .collect();
        }
        assert!(status.ends_with("IN_PROGRESS"), "{stack:#?}");
        assert!(begun.elapsed() < LIMIT, "the stack is not made");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// One request; status and body. A body goes out as the original's client sent it, labelled as a form.
fn curl(method: &str, url: &str, body: Option<&Value>) -> (u16, Value) {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-g", "-X", method, "-w", "\n%{http_code}"]);
    if let Some(body) = body {
        curl.args(["--data-binary", &body.to_string()]);
    }
    let text = output_of(curl.arg(url));
    let (body, status) = text.rsplit_once('\n').unwrap();
    let value = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
    (status.parse().unwrap(), value)
}
