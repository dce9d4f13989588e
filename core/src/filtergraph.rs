//! Filtergraphs: read into a tree as FFmpeg reads them, checked filter by filter, written anew.
//!
//! FFmpeg reads such text twice: once to find the filters (`[ ] , ;` divide), once to find each one's options (`:` divides). Both times
//! quotes and backslashes hide those signs, and are taken away. The tree holds what is left, so that nothing can hide in it.

mod allow;
mod parse;

use std::fmt;

pub use allow::{allowed_filters, is_expression};

/// Most filters in one graph.
const MOST_FILTERS: usize = 100;

/// A filtergraph: chains of filters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Graph {
    /// The chains, divided by `;`.
    pub chains: Vec<Vec<Filter>>,
}

/// One filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// Labels of its inputs.
    pub inputs: Vec<String>,
    /// Its name, without an instance name.
    pub name: String,
    /// Its options, in order.
    pub arguments: Vec<Argument>,
    /// Labels of its outputs.
    pub outputs: Vec<String>,
}

/// One option of a filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name; none where only its place tells.
    pub key: Option<String>,
    /// Its value, free of quotes and backslashes.
    pub value: String,
}

/// Why a filtergraph was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// It cannot be read.
    #[error("the filters cannot be read: {0}")]
    Syntax(String),
    /// A filter is not on the list.
    #[error("filter {name:?} is not allowed{advice}")]
    Filter {
        /// Its name.
        name: String,
        /// The nearest allowed one.
        advice: String,
    },
    /// An option of a filter is not on the list, or has a value that is not allowed.
    #[error("filter {filter:?}: option {option:?} is not allowed{advice}")]
    Option {
        /// The filter.
        filter: String,
        /// The option.
        option: String,
        /// Its value, or the nearest allowed option.
        advice: String,
    },
}

impl Graph {
    /// Reads a graph.
    pub fn parse(text: &str) -> Result<Self, FilterError> {
        parse::graph(text)
    }

    /// The graph with every option named, if all of it is allowed. Filters in `extra` are let through as they are.
    pub fn checked(self, extra: &[String]) -> Result<Self, FilterError> {
        let check = |filter: Filter| allow::check(filter, extra);
        let chains = self
            .chains
            .into_iter()
            .map(|chain| chain.into_iter().map(check).collect());
        Ok(Self {
            chains: chains.collect::<Result<_, _>>()?,
        })
    }
}

impl fmt::Display for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, chain) in self.chains.iter().enumerate() {
            f.write_str(if number > 0 { ";" } else { "" })?;
            for (number, filter) in chain.iter().enumerate() {
                write!(f, "{}{filter}", if number > 0 { "," } else { "" })?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for label in &self.inputs {
            write!(f, "[{label}]")?;
        }
        f.write_str(&self.name)?;
        for (number, argument) in self.arguments.iter().enumerate() {
            f.write_str(if number > 0 { ":" } else { "=" })?;
            if let Some(key) = &argument.key {
                write!(f, "{key}=")?;
            }
            f.write_str(&escape(&escape(&argument.value, "\\':"), "\\'[],;"))?;
        }
        for label in &self.outputs {
            write!(f, "[{label}]")?;
        }
        Ok(())
    }
}

/// Puts a backslash before each of these signs, and before blanks at the ends, which would be cut off.
fn escape(text: &str, signs: &str) -> String {
    let inner = text.trim_start().len();
    let (start, end) = (text.len() - inner, text.trim_end().len());
    let mut out = String::with_capacity(text.len());
    for (at, letter) in text.char_indices() {
        let at_the_ends = letter.is_whitespace() && (at < start || at >= end);
        if signs.contains(letter) || at_the_ends {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

#[cfg(test)]
mod tests;
