//! Flags of `nommer jobs list`.

use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Only jobs in this state.
    #[arg(long)]
    pub(crate) state: Option<String>,

    /// Only jobs with this external id.
    #[arg(long)]
    pub(crate) external_id: Option<String>,

    /// Only jobs of this batch.
    #[arg(long, value_name = "ID")]
    pub(crate) batch: Option<String>,

    /// Only jobs of this preset: of each version of it, or as `name@2` of one.
    #[arg(long)]
    pub(crate) preset: Option<String>,

    /// Only jobs with this tag.
    #[arg(long)]
    pub(crate) tag: Option<String>,

    /// Only jobs that hold this text: in id, addresses, external id, tags, metadata or error.
    #[arg(long = "query", value_name = "TEXT")]
    pub(crate) text: Option<String>,

    /// At most so many.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub(crate) limit: u32,
}

impl ListArgs {
    /// The filter as the API takes it.
    pub(crate) fn query(&self) -> Vec<(&'static str, String)> {
        let state = self.state.as_deref().map(str::to_uppercase);
        let fields = [
            ("state", state.as_ref()),
            ("external_id", self.external_id.as_ref()),
            ("batch_id", self.batch.as_ref()),
            ("preset", self.preset.as_ref()),
            ("tag", self.tag.as_ref()),
            ("q", self.text.as_ref()),
        ];
        fields
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?.clone())))
            .collect()
    }
}
