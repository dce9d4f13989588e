//! Prices of instance types: the list that comes with the program, and what the settings say instead.

use std::{collections::BTreeMap, sync::LazyLock};

use serde::{Deserialize, Serialize};

use crate::{
    fleet::{SettingsError, ensure},
    nearest::nearest,
};

/// The type of an encoder that is a process on this machine.
pub const LOCAL_TYPE: &str = "local";

/// How an instance is bought.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum Market {
    /// At the list price, for as long as it is wanted.
    #[default]
    OnDemand,
    /// At what spare capacity costs, until the cloud wants it back.
    Spot,
}

/// `[prices]`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceSettings {
    /// The type that estimates and the budget reckon with, and that an instance has which does not tell its own.
    /// Unset: not known, and so is every cost.
    pub instance_type: Option<String>,
    /// The market that they reckon with.
    pub market: Market,
    /// What spot costs as a share of on demand, 0 to 1. Unset: the list's assumption.
    pub spot_share: Option<f64>,
    /// Prices of your own: US dollars an hour on demand, by instance type. They win over the list.
    pub usd_per_hour: BTreeMap<String, f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    dead_code,
    reason = "the list says where it comes from; not all of it is used"
)]
struct List {
    source: String,
    date: String,
    region: String,
    what: String,
    spot_share: f64,
    usd_per_hour: BTreeMap<String, f64>,
}

static LIST: LazyLock<List> = LazyLock::new(|| {
    toml::from_str(include_str!("prices.toml")).expect("the list that is built in can be read")
});

/// The day of the list that comes with the program.
pub fn list_date() -> &'static str {
    &LIST.date
}

impl PriceSettings {
    /// US dollars an hour for this type in this market; none if the type is not known.
    pub fn hourly(&self, instance_type: &str, market: Market) -> Option<f64> {
        let own = self.usd_per_hour.get(instance_type);
        let on_demand = *own.or_else(|| LIST.usd_per_hour.get(instance_type))?;
        let share = match market {
            Market::OnDemand => 1.0,
            Market::Spot => self.spot_share.unwrap_or(LIST.spot_share),
        };
        Some(on_demand * share)
    }

    /// US dollars an hour for an instance that tells this much of itself; what it does not tell is expected.
    pub fn hourly_of(&self, instance_type: Option<&str>, market: Option<Market>) -> Option<f64> {
        let instance_type = instance_type.or(self.instance_type.as_deref())?;
        self.hourly(instance_type, market.unwrap_or(self.market))
    }

    /// US dollars an hour for one more instance.
    pub fn expected(&self) -> Option<f64> {
        self.hourly_of(None, None)
    }

    /// Refuses types without a price, and prices that cannot be.
    pub fn validate(&self) -> Result<(), SettingsError> {
        for (name, usd) in &self.usd_per_hour {
            ensure(
                usd.is_finite() && *usd >= 0.0,
                "prices.usd_per_hour",
                || format!("has {usd} for {name}: give US dollars an hour, zero or more"),
            )?;
        }
        let share = self.spot_share.unwrap_or(1.0);
        ensure((0.0..=1.0).contains(&share), "prices.spot_share", || {
            format!("is {share}: give a share of the on-demand price from 0 to 1")
        })?;
        let Some(wanted) = &self.instance_type else {
            return Ok(());
        };
        ensure(self.expected().is_some(), "prices.instance_type", || {
            let names: Vec<&str> = LIST.usd_per_hour.keys().map(String::as_str).collect();
            let near = nearest(wanted, &names)
                .map(|near| format!("did you mean {near}? "))
                .unwrap_or_default();
            format!(
                "is {wanted:?}, whose price is not known: {near}Give its price in prices.usd_per_hour"
            )
        })
    }
}
