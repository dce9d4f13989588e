//! EC2 instances as encoders: launched from the stack's template, known and ended by its tag.
//!
//! The one crate that depends on the SDK of EC2. It decides nothing about how many there are to be; it never touches an instance
//! that does not carry the stack's tag.

mod config;
mod refusal;

use aws_config::SdkConfig;
use aws_sdk_ec2::{
    Client,
    error::{ProvideErrorMetadata, SdkError},
    types::{
        CreateFleetInstance, DefaultTargetCapacityType, Filter, FleetLaunchTemplateConfigRequest,
        FleetLaunchTemplateOverridesRequest, FleetLaunchTemplateSpecificationRequest,
        FleetOnDemandAllocationStrategy, FleetType, Instance, InstanceType, OnDemandOptionsRequest,
        ResourceType, SpotAllocationStrategy, SpotOptionsRequest, Tag, TagSpecification,
        TargetCapacitySpecificationRequest,
    },
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use nommer_core::{
    id::InstanceId,
    ports::{Fleet, LaunchError, Machine, StoreError},
};
use sha2::{Digest as _, Sha256};

use refusal::describe;

pub use config::{Ec2FleetConfig, Market, UnknownMarket};

/// The tag that says whose an instance is.
const STACK_TAG: &str = "nommer:stack";

/// The tag that says which launch made it.
const TOKEN_TAG: &str = "nommer:token";

/// States of an instance that runs or will.
const ALIVE: [&str; 2] = ["pending", "running"];

/// Instances of one stack.
#[derive(Clone, Debug)]
pub struct Ec2Fleet {
    client: Client,
    config: Ec2FleetConfig,
}

impl Ec2Fleet {
    /// A client for the instances of a stack. Nothing is asked of AWS yet.
    pub fn new(sdk: &SdkConfig, config: Ec2FleetConfig) -> Self {
        Self {
            client: Client::new(sdk),
            config,
        }
    }

    /// Instances of this stack in one of these states that match a filter besides.
    async fn find(
        &self,
        what: &str,
        states: &[&str],
        also: Option<Filter>,
    ) -> Result<Vec<Instance>, StoreError> {
        let mut pages = self
            .client
            .describe_instances()
            .set_filters(Some(
                [
                    filter(&format!("tag:{STACK_TAG}"), [self.config.stack.as_str()]),
                    filter("instance-state-name", states.iter().copied()),
                ]
                .into_iter()
                .chain(also)
                .collect(),
            ))
            .into_paginator()
            .items()
            .send();
        let mut found = Vec::new();
        while let Some(reservation) = pages.next().await {
            let reservation = reservation.map_err(|error| {
                StoreError::unavailable(what, describe(&error.into_service_error()))
            })?;
            found.extend(reservation.instances.unwrap_or_default());
        }
        Ok(found)
    }

    /// Asks for one instance on one market.
    async fn ask(&self, token: &str, market: Market) -> Result<InstanceId, LaunchError> {
        let request = self
            .client
            .create_fleet()
            .client_token(client_token(token, market))
            .r#type(FleetType::Instant)
            .launch_template_configs(self.launch_template())
            .tag_specifications(self.tags(token));
        let capacity = TargetCapacitySpecificationRequest::builder().total_target_capacity(1);
        let request = match market {
            Market::Spot => request
                .spot_options(
                    SpotOptionsRequest::builder()
                        .allocation_strategy(SpotAllocationStrategy::PriceCapacityOptimized)
                        .build(),
                )
                .target_capacity_specification(
                    capacity
                        .default_target_capacity_type(DefaultTargetCapacityType::Spot)
                        .build(),
                ),
            Market::OnDemand => request
                .on_demand_options(
                    OnDemandOptionsRequest::builder()
                        .allocation_strategy(FleetOnDemandAllocationStrategy::LowestPrice)
                        .build(),
                )
                .target_capacity_specification(
                    capacity
                        .default_target_capacity_type(DefaultTargetCapacityType::OnDemand)
                        .build(),
                ),
        };
        let answer = request
            .send()
            .await
            .map_err(SdkError::into_service_error)
            .map_err(|error| match error.code() {
                Some(code) => refusal::sort(code, error.message().unwrap_or_default()),
                None => LaunchError::Unanswered(describe(&error)),
            })?;
        let launched = answer
            .instances()
            .iter()
            .flat_map(CreateFleetInstance::instance_ids);
        if let Some(id) = launched.into_iter().next() {
            return parse_id(id).map_err(LaunchError::Failed);
        }
        let errors = answer.errors().iter().map(|error| {
            refusal::sort(
                error.error_code().unwrap_or("Unknown"),
                error.error_message().unwrap_or_default(),
            )
        });
        Err(refusal::gravest(errors.collect()))
    }

    /// The template, with every type in every subnet.
    fn launch_template(&self) -> FleetLaunchTemplateConfigRequest {
        let options = |of: &[String]| -> Vec<Option<String>> {
            if of.is_empty() {
                vec![None]
            } else {
                of.iter().cloned().map(Some).collect()
            }
        };
        let types = options(&self.config.instance_types);
        let subnets = options(&self.config.subnet_ids);
        let overrides = subnets.iter().flat_map(|subnet| {
            types.iter().map(move |instance_type| {
                FleetLaunchTemplateOverridesRequest::builder()
                    .set_instance_type(instance_type.as_deref().map(Into::into))
                    .set_subnet_id(subnet.clone())
                    .build()
            })
        });
        FleetLaunchTemplateConfigRequest::builder()
            .launch_template_specification(
                FleetLaunchTemplateSpecificationRequest::builder()
                    .launch_template_id(&self.config.launch_template_id)
                    .version("$Latest")
                    .build(),
            )
            .set_overrides(Some(overrides.collect()))
            .build()
    }

    /// Tags of a new instance.
    fn tags(&self, token: &str) -> TagSpecification {
        let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
        TagSpecification::builder()
            .resource_type(ResourceType::Instance)
            .tags(tag(STACK_TAG, &self.config.stack))
            .tags(tag(TOKEN_TAG, token))
            .tags(tag("Name", &format!("{} encoder", self.config.stack)))
            .build()
    }
}

/// Most processors that an instance of one of these types has.
pub async fn processors(sdk: &SdkConfig, types: &[String]) -> Result<u32, StoreError> {
    const WHAT: &str = "look instance types up";
    let types = types.iter().map(|name| InstanceType::from(name.as_str()));
    let asked = Client::new(sdk)
        .describe_instance_types()
        .set_instance_types(Some(types.collect()));
    let answer = asked
        .send()
        .await
        .map_err(|error| StoreError::unavailable(WHAT, describe(&error.into_service_error())))?;
    let counts = answer.instance_types().iter().filter_map(|found| {
        let count = found.v_cpu_info()?.default_v_cpus()?;
        u32::try_from(count).ok()
    });
    Ok(counts.max().unwrap_or(0))
}

impl Fleet for Ec2Fleet {
    async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        const WHAT: &str = "list instances";
        let found = self.find(WHAT, &ALIVE, None).await?;
        let machines = found.iter().map(|instance| {
            let id = parse_id(instance.instance_id().unwrap_or_default())
                .map_err(|problem| StoreError::unavailable(WHAT, problem))?;
            let token = instance
                .tags()
                .iter()
                .find(|tag| tag.key() == Some(TOKEN_TAG))
                .and_then(|tag| tag.value());
            Ok(Machine {
                id,
                token: token.unwrap_or_default().to_owned(),
            })
        });
        machines.collect()
    }

    async fn launch(&self, token: &str) -> Result<InstanceId, LaunchError> {
        // The answer to an earlier try may have been lost, and EC2 forgets client tokens after a while.
        let own = filter(&format!("tag:{TOKEN_TAG}"), [token]);
        let earlier = self
            .find("look for an earlier launch", &ALIVE, Some(own))
            .await
            .map_err(|error| LaunchError::Failed(format!("{error:?}")))?;
        if let Some(id) = earlier.first().and_then(Instance::instance_id) {
            return parse_id(id).map_err(LaunchError::Failed);
        }
        match self.config.market {
            Market::OnDemand => self.ask(token, Market::OnDemand).await,
            Market::Spot => match self.ask(token, Market::Spot).await {
                Err(LaunchError::NoCapacity(words) | LaunchError::LimitReached(words)) => {
                    tracing::info!(reason = words, "no spot instance; asking for one on demand");
                    self.ask(token, Market::OnDemand).await
                }
                ended => ended,
            },
        }
    }

    async fn terminate(&self, id: &InstanceId) -> Result<(), StoreError> {
        const WHAT: &str = "end an instance";
        // An encoder on a machine of somebody's own.
        if !id.as_str().starts_with("i-") {
            return Ok(());
        }
        // Whatever the table says, only an instance of this stack is ended.
        let named = filter("instance-id", [id.as_str()]);
        let states = ["pending", "running", "stopping", "stopped"];
        if self.find(WHAT, &states, Some(named)).await?.is_empty() {
            return Ok(());
        }
        let sent = self
            .client
            .terminate_instances()
            .instance_ids(id.as_str())
            .send()
            .await;
        match sent.map_err(SdkError::into_service_error) {
            Ok(_) => Ok(()),
            Err(error) if error.code() == Some("InvalidInstanceID.NotFound") => Ok(()),
            Err(error) => Err(StoreError::unavailable(WHAT, describe(&error))),
        }
    }
}

/// A name for the request that EC2 itself tells repeated ones by: at most 64 characters, the same for the same launch. It differs
/// by market, because EC2 refuses a token that comes again with other parameters.
fn client_token(token: &str, market: Market) -> String {
    let market = match market {
        Market::Spot => "spot",
        Market::OnDemand => "on-demand",
    };
    let hash = Sha256::digest(format!("{token}/{market}"));
    URL_SAFE_NO_PAD.encode(hash)
}

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

fn parse_id(id: &str) -> Result<InstanceId, String> {
    id.parse()
        .map_err(|_invalid| format!("EC2 answered with the instance id {id:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_token_is_stable_short_and_differs_by_market() {
        let token = "a".repeat(200);
        let spot = client_token(&token, Market::Spot);
        assert_eq!(spot, client_token(&token, Market::Spot));
        assert_ne!(spot, client_token(&token, Market::OnDemand));
        assert!(spot.len() <= 64 && spot.is_ascii());
    }
}
