//! What instances a stack launches. Read once from the environment of scale; prune needs the stack's name alone.

use std::str::FromStr;

/// What is launched, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2FleetConfig {
    /// Name of the stack: the value of the tag by which its instances are known.
    pub stack: String,
    /// The launch template: image, network, role, user data.
    pub launch_template_id: String,
    /// Subnets, each in a zone of its own. Empty: as the template says.
    pub subnet_ids: Vec<String>,
    /// Instance types, any of which will do. Empty: as the template says.
    pub instance_types: Vec<String>,
    /// How they are paid for.
    pub market: Market,
}

/// How instances are paid for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Market {
    /// Spot instances where there are any, else on demand.
    #[default]
    Spot,
    /// On demand only.
    OnDemand,
}

/// A market that there is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the market {0:?} is neither spot nor on-demand")]
pub struct UnknownMarket(String);

impl FromStr for Market {
    type Err = UnknownMarket;

    fn from_str(text: &str) -> Result<Self, UnknownMarket> {
        match text {
            "spot" => Ok(Self::Spot),
            "on-demand" => Ok(Self::OnDemand),
            _ => Err(UnknownMarket(text.to_owned())),
        }
    }
}

impl Ec2FleetConfig {
    /// Enough to list and end the instances of a stack, not to launch any.
    pub fn of_stack(stack: impl Into<String>) -> Self {
        Self {
            stack: stack.into(),
            launch_template_id: String::new(),
            subnet_ids: Vec::new(),
            instance_types: Vec::new(),
            market: Market::default(),
        }
    }
}
