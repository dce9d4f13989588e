//! Bugs to be planted: each breaks one rule of the protocol, at the ports or in what is wired to them. The simulation is worth
//! something only if it finds every one of them.

/// A planted bug.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mutant {
    /// A job is written whatever its version is.
    UnconditionalWrite,
    /// The fleet's record is written whatever its version is.
    UnconditionalFleet,
    /// Every holder of an old lease is taken for the present one.
    NoFencing,
    /// A claim does not raise the epoch.
    SameEpoch,
    /// A claim does not respect a valid lease.
    LeaseIgnored,
    /// Heartbeats do not extend the lease.
    BeatExtendsNothing,
    /// Attempts are not counted.
    AttemptsUncounted,
    /// Jobs finish although nothing was published.
    FinishUnpublished,
    /// An output replaces whatever is there.
    PublishUnconditional,
    /// An output is visible from the moment it is staged.
    StagedVisible,
    /// A job that ended can be canceled all the same.
    EndOverwritten,
    /// Submit answers before it wrote.
    AcceptUnwritten,
    /// Idempotency keys are not stored.
    KeyForgotten,
    /// Two live jobs may share a destination.
    DestinationShared,
    /// Prune never runs.
    NoPrune,
    /// Prune sends no message again.
    NoResend,
    /// Prune takes back no lapsed job.
    NoLapse,
    /// Prune sends no due notification again.
    NoRenotify,
    /// Messages are deleted when they are received, and nothing is taken back: what the original did.
    DeleteBeforeWork,
    /// Notifications are not stored with the change.
    NotificationUnwritten,
    /// A notification counts as delivered before it is sent.
    DeliveredUnsent,
    /// Each attempt at a notification has an id of its own.
    FreshNotificationId,
    /// Only the first notification of a job is ever stored.
    OnlyFirstNotification,
    /// Launches are made without being reserved.
    Unreserved,
    /// A lost answer to a launch is taken for a refusal.
    LostLaunchRefused,
    /// An instance that is not listed yet is taken for gone.
    ListingTrusted,
    /// Dead instances are not ended.
    NoTerminate,
    /// Idle encoders do not end.
    IdleForEver,
}

impl Mutant {
    /// All of them.
    pub const ALL: [Self; 28] = [
        Self::UnconditionalWrite,
        Self::UnconditionalFleet,
        Self::NoFencing,
        Self::SameEpoch,
        Self::LeaseIgnored,
        Self::BeatExtendsNothing,
        Self::AttemptsUncounted,
        Self::FinishUnpublished,
        Self::PublishUnconditional,
        Self::StagedVisible,
        Self::EndOverwritten,
        Self::AcceptUnwritten,
        Self::KeyForgotten,
        Self::DestinationShared,
        Self::NoPrune,
        Self::NoResend,
        Self::NoLapse,
        Self::NoRenotify,
        Self::DeleteBeforeWork,
        Self::NotificationUnwritten,
        Self::DeliveredUnsent,
        Self::FreshNotificationId,
        Self::OnlyFirstNotification,
        Self::Unreserved,
        Self::LostLaunchRefused,
        Self::ListingTrusted,
        Self::NoTerminate,
        Self::IdleForEver,
    ];

    /// What it is, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Self::UnconditionalWrite => "a job is written whatever its version is",
            Self::UnconditionalFleet => "the fleet's record is written whatever its version is",
            Self::NoFencing => "the holder of an old lease is taken for the present one",
            Self::SameEpoch => "a claim does not raise the epoch",
            Self::LeaseIgnored => "a claim does not respect a valid lease",
            Self::BeatExtendsNothing => "heartbeats do not extend the lease",
            Self::AttemptsUncounted => "attempts are not counted",
            Self::FinishUnpublished => "a job finishes although nothing was published",
            Self::PublishUnconditional => "an output replaces whatever is there",
            Self::StagedVisible => "an output is visible from the moment it is staged",
            Self::EndOverwritten => "a job that ended can be canceled",
            Self::AcceptUnwritten => "submit answers before it wrote",
            Self::KeyForgotten => "idempotency keys are not stored",
            Self::DestinationShared => "two live jobs may share a destination",
            Self::NoPrune => "prune never runs",
            Self::NoResend => "prune sends no message again",
            Self::NoLapse => "prune takes back no lapsed job",
            Self::NoRenotify => "prune sends no due notification again",
            Self::DeleteBeforeWork => {
                "messages are deleted before the work, and no job is taken back"
            }
            Self::NotificationUnwritten => "notifications are not stored with the change",
            Self::DeliveredUnsent => "a notification counts as delivered before it is sent",
            Self::FreshNotificationId => "each attempt at a notification has its own id",
            Self::OnlyFirstNotification => "only a job's first notification is stored",
            Self::Unreserved => "launches are not reserved",
            Self::LostLaunchRefused => "a lost answer to a launch is taken for a refusal",
            Self::ListingTrusted => "an instance that is not listed yet is taken for gone",
            Self::NoTerminate => "dead instances are not ended",
            Self::IdleForEver => "idle encoders do not end",
        }
    }
}
