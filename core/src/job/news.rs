//! What of a job is told to those who asked for it, beside changes of its state. Its number is the next of the same sequence.

use std::time::Duration;

use jiff::Timestamp;

use super::{Applied, Denied, Effect, Job, Output, Stage};
use crate::{
    lease::{LeaseToken, elapsed},
    notify::{EventName, News, Notification, Subscription, Target},
};

/// Least pause between two tellings of how far a job is.
const PROGRESS_PAUSE: Duration = Duration::from_secs(10);

impl Job {
    /// Whether anybody asked to hear of this event.
    pub fn is_wanted(&self, event: EventName) -> bool {
        self.wanting(event).next().is_some()
    }

    /// Those who asked to hear of this event, beside the address in the job.
    pub(crate) fn wanting(&self, event: EventName) -> impl Iterator<Item = &Target> {
        let wanting = move |one: &&Subscription| one.events.contains(&event);
        self.subscriptions
            .iter()
            .filter(wanting)
            .map(|one| &one.target)
    }

    /// Tells how far it is, if somebody wants to know and was not told just now.
    pub(super) fn tell_progress(&mut self, now: Timestamp) -> Vec<Effect> {
        let recent = |at| elapsed(now, at) < PROGRESS_PAUSE;
        match &self.progress {
            Some(progress)
                if self.is_wanted(EventName::Progress)
                    && !self.progress_told_at.is_some_and(recent) =>
            {
                let news = News::Progress(progress.clone());
                self.progress_told_at = Some(now);
                self.tell(&news, now)
            }
            _ => Vec::new(),
        }
    }

    /// One of its outputs is visible. It counts as published from now on, whatever becomes of the rest.
    pub(super) fn ready(&mut self, token: &LeaseToken, output: Output, now: Timestamp) -> Applied {
        let stage = match self.held(token) {
            Err(denied) => return Applied::Denied(denied),
            Ok((stage, _)) => *stage,
        };
        if stage != Stage::Publishing {
            return Applied::Denied(Denied::OutOfOrder);
        }
        if self.outputs.iter().any(|one| one.url == output.url) {
            return Applied::Ignored;
        }
        self.outputs.push(output.clone());
        Applied::Changed(self.tell(&News::Output(Box::new(output)), now))
    }

    fn tell(&mut self, news: &News, now: Timestamp) -> Vec<Effect> {
        self.sequence += 1;
        let told = Notification::of_news(self, news, now).into_iter();
        told.map(|one| Effect::Notify(Box::new(one))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        job::{Event, JobState},
        notify::EventName::{self, Finished, OutputReady},
        progress::Progress,
        testing::{LEASE, at, change, claim, job_at, token},
    };

    fn asking_for(stage: &str, events: &[EventName]) -> Job {
        let mut job = job_at(stage, "a");
        job.subscriptions = vec![Subscription {
            target: Target::EventBus,
            events: events.iter().copied().collect(),
        }];
        job
    }

    fn beat(job: &mut Job, percent: f64, second: i64) -> Vec<Notification> {
        let progress = Progress {
            pass: 1,
            passes: 1,
            percent,
            fps: None,
            speed: None,
            eta_seconds: None,
        };
        let event = Event::Beat {
            token: token(job),
            lease: LEASE,
            progress: Some(progress),
        };
        told(change(job, event, at(second)))
    }

    fn told(effects: Vec<Effect>) -> Vec<Notification> {
        let one = |effect| match effect {
            Effect::Notify(one) => Some(*one),
            _ => None,
        };
        effects.into_iter().filter_map(one).collect()
    }

    fn output(name: &str) -> Box<Output> {
        Box::new(Output {
            url: format!("s3://out-bucket/{name}.mp4"),
            ..Output::default()
        })
    }

    #[test]
    fn progress_is_told_to_those_who_asked_and_not_more_often_than_every_ten_seconds() {
        let mut job = asking_for("encoding", &[EventName::Progress]);
        let told: Vec<_> = (1..=25)
            .flat_map(|second| beat(&mut job, f64::from(second), second.into()))
            .collect();
        let percents: Vec<_> = told
            .iter()
            .map(|one| match &one.news {
                Some(News::Progress(progress)) => progress.percent,
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(percents, [1.0, 11.0, 21.0]);
        let sequences: BTreeSet<u64> = told.iter().map(|one| one.sequence).collect();
        assert_eq!(sequences.len(), 3, "each has a number of its own");
        assert_eq!(job.sequence, *sequences.last().unwrap());

        let mut silent = asking_for(
            "encoding",
            &EventName::by_default().into_iter().collect::<Vec<_>>(),
        );
        let before = silent.sequence;
        assert_eq!(beat(&mut silent, 1.0, 1), []);
        assert_eq!(silent.sequence, before);
    }

    #[test]
    fn an_output_is_told_once_before_the_end_and_a_new_attempt_has_none() {
        let mut job = asking_for("publishing", &[OutputReady, Finished]);
        let token = token(&job);
        let ready = |name: &str| Event::Ready {
            token: token.clone(),
            output: output(name),
        };
        let mut all = told(change(&mut job, ready("a"), at(1)));
        assert_eq!(job.apply(ready("a"), at(1)), Applied::Ignored);
        all.extend(told(change(&mut job, ready("b"), at(1))));
        assert_eq!(job.outputs.len(), 2);

        let mut again = job.clone();
        let late = job.clone().apply(ready("c"), at(1));
        assert!(matches!(late, Applied::Changed(_)));
        change(&mut again, claim("b"), at(10_000));
        assert_eq!(again.outputs, []);
        let stale = again.apply(ready("c"), at(10_000));
        assert_eq!(stale, Applied::Denied(Denied::LeaseLost));

        let outputs = vec![*output("a"), *output("b")];
        all.extend(told(change(
            &mut job,
            Event::Finish { token, outputs },
            at(2),
        )));
        assert_eq!(job.state, JobState::Finished);
        let events: Vec<_> = all.iter().map(Notification::event).collect();
        assert_eq!(events, [OutputReady, OutputReady, Finished]);
        let sequences: Vec<_> = all.iter().map(|one| one.sequence).collect();
        assert!(
            sequences.is_sorted_by(|one, other| one < other),
            "{sequences:?}"
        );
    }

    #[test]
    fn an_output_is_not_ready_before_it_may_be_published() {
        for stage in ["downloading", "encoding", "uploading"] {
            let mut job = asking_for(stage, &[OutputReady]);
            let token = token(&job);
            let ready = Event::Ready {
                token,
                output: output("a"),
            };
            assert_eq!(
                job.apply(ready, at(1)),
                Applied::Denied(Denied::OutOfOrder),
                "{stage}"
            );
        }
    }
}
