//! What of the fleet is told to receivers: noted in its record with the change itself, so that a run that dies loses none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{FleetRecord, count};
use crate::{
    fleet::Budget,
    id::JobId,
    notify::{BudgetPart, FleetSize, News},
};

/// Parts of the budget that are told when they are spent, in percent.
const PARTS: [u8; 3] = [50, 80, 100];

/// What was told last. What happens and is undone between two runs is not told.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Told {
    /// Instances.
    pub instances: u32,
    /// The month whose budget was told of.
    pub month: String,
    /// The greatest part of it that was told, in percent.
    pub percent: u8,
}

/// Something that is to be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Untold {
    /// Its name: the same whenever it is told.
    pub name: JobId,
    /// When it happened.
    pub at: Timestamp,
    /// What.
    pub news: News,
}

impl FleetRecord {
    /// Notes what receivers do not know yet.
    pub fn note_untold(&mut self, budget: &Budget, reason: &str, now: Timestamp) {
        let size = count(self.reservations.len());
        if size != self.told.instances {
            let news = News::Fleet(FleetSize {
                from: self.told.instances,
                to: size,
                reason: reason.to_owned(),
            });
            self.told.instances = size;
            self.note(news, now);
        }
        if let Some(part) = self.budget_part(budget, now) {
            self.told.month.clone_from(&part.month);
            self.told.percent = part.percent;
            self.note(News::Budget(part), now);
        }
    }

    /// The greatest part of the budget that is spent and was not told.
    fn budget_part(&self, budget: &Budget, now: Timestamp) -> Option<BudgetPart> {
        let budget_usd = budget.monthly_usd.filter(|usd| *usd > 0.0)?;
        let spent_usd = self.spend.month_to_date_usd(now)?;
        let told = if self.told.month == self.spend.month {
            self.told.percent
        } else {
            0
        };
        let spent = |part: &u8| spent_usd * 100.0 >= budget_usd * f64::from(*part);
        let passed = PARTS.into_iter().filter(spent).max()?;
        (passed > told).then(|| BudgetPart {
            month: self.spend.month.clone(),
            percent: passed,
            spent_usd,
            budget_usd,
        })
    }

    fn note(&mut self, news: News, now: Timestamp) {
        let name = JobId::of_fleet(now, self.untold.len());
        let at = now;
        self.untold.push(Untold { name, at, news });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Spend;

    fn spent(usd: f64, month: &str) -> FleetRecord {
        let spend = Spend {
            month: month.to_owned(),
            usd,
            ..Spend::default()
        };
        FleetRecord {
            spend,
            ..FleetRecord::default()
        }
    }

    fn percents(record: &FleetRecord) -> Vec<u8> {
        let part = |one: &Untold| match &one.news {
            News::Budget(part) => Some(part.percent),
            _ => None,
        };
        record.untold.iter().filter_map(part).collect()
    }

    #[test]
    fn each_part_of_a_budget_is_told_once_a_month() {
        let november: Timestamp = "2026-11-10T12:00:00Z".parse().unwrap();
        let budget = Budget {
            monthly_usd: Some(10.0),
            ..Budget::default()
        };
        let mut record = spent(4.9, "2026-11");
        record.note_untold(&budget, "", november);
        assert_eq!(percents(&record), [] as [u8; 0]);
        for usd in [5.0, 7.9, 8.0, 8.1, 12.0, 13.0] {
            record.spend.usd = usd;
            record.note_untold(&budget, "", november);
        }
        assert_eq!(percents(&record), [50, 80, 100]);

        let december: Timestamp = "2026-12-01T12:00:00Z".parse().unwrap();
        record.spend = spent(9.0, "2026-12").spend;
        record.note_untold(&budget, "", december);
        assert_eq!(percents(&record), [50, 80, 100, 80]);
        let names: std::collections::BTreeSet<_> =
            record.untold.iter().map(|one| &one.name).collect();
        assert_eq!(names.len(), record.untold.len());
    }

    #[test]
    fn no_budget_and_a_spent_month_before_tell_nothing() {
        let now: Timestamp = "2026-11-10T12:00:00Z".parse().unwrap();
        let mut record = spent(100.0, "2026-10");
        let budget = Budget {
            monthly_usd: Some(10.0),
            ..Budget::default()
        };
        record.note_untold(&budget, "", now);
        record.note_untold(&Budget::default(), "", now);
        assert_eq!(record.untold, []);
    }

    #[test]
    fn the_fleet_is_told_from_what_was_told_last() {
        let now: Timestamp = "2026-11-10T12:00:00Z".parse().unwrap();
        let mut record = FleetRecord::default();
        record.told.instances = 2;
        record.note_untold(&Budget::default(), "nothing waits", now);
        record.note_untold(&Budget::default(), "nothing waits", now);
        let size = FleetSize {
            from: 2,
            to: 0,
            reason: "nothing waits".to_owned(),
        };
        let told: Vec<_> = record.untold.iter().map(|one| &one.news).collect();
        assert_eq!(told, [&News::Fleet(size)]);
    }
}
