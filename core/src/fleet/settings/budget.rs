//! `[budget]`: the guard on money. It stops launches and never ends what runs.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{SettingsError, ensure};

/// The guard on money.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Budget {
    /// US dollars a calendar month (UTC) that the fleet may cost; nothing set means no limit.
    pub monthly_usd: Option<f64>,
    /// What happens at the limit.
    pub action: BudgetAction,
}

/// What happens when the budget is spent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum BudgetAction {
    /// No more launches; what runs goes on.
    #[default]
    StopScaling,
    /// Launches go on, and each decision says so.
    Warn,
}

impl Budget {
    /// Whether the limit is reached.
    pub fn is_spent(&self, month_to_date_usd: f64) -> bool {
        self.monthly_usd
            .is_some_and(|limit| month_to_date_usd >= limit)
    }

    /// The limit that holds launches back, if there is one.
    pub fn limit(&self) -> Option<f64> {
        match self.action {
            BudgetAction::StopScaling => self.monthly_usd,
            BudgetAction::Warn => None,
        }
    }

    /// Refuses amounts that cannot be.
    pub fn validate(&self) -> Result<(), SettingsError> {
        let usd = self.monthly_usd.unwrap_or_default();
        ensure(usd.is_finite() && usd >= 0.0, "budget.monthly_usd", || {
            format!("is {usd}: give an amount of zero or more, or leave it out for no limit")
        })
    }
}

/// `budget of 50.00 USD`, for reasons.
impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "budget of {:.2} USD",
            self.monthly_usd.unwrap_or_default()
        )
    }
}
