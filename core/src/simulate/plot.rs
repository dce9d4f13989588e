//! Instances over time as an SVG picture, one row for each policy on one scale. No script, no style sheet.

use std::fmt::Write as _;
use std::time::Duration;

use super::Outcome;

/// The size of the picture and of its parts, in pixels.
const WIDTH: f64 = 960.0;
const MARGIN: f64 = 40.0;
const ROW: f64 = 90.0;
/// The part of a row that the curve takes; its name stands above it.
const PLOT: f64 = 60.0;

/// Draws the number of instances over time, one row for each named outcome.
pub fn plot_svg(title: &str, outcomes: &[(&str, &Outcome)]) -> String {
    let scale = Scale::of(outcomes);
    let mut svg = String::new();
    draw(&mut svg, title, outcomes, &scale).expect("writing to a string cannot fail");
    svg
}

/// What all rows share.
struct Scale {
    /// Instances at the top of a row.
    peak: u32,
    /// Time at the right end.
    end: Duration,
}

impl Scale {
    fn of(outcomes: &[(&str, &Outcome)]) -> Self {
        let peak = outcomes.iter().map(|(_, outcome)| outcome.peak()).max();
        let ends = outcomes
            .iter()
            .filter_map(|(_, outcome)| outcome.curve.last());
        let end = ends.map(|&(at, _)| at).max().unwrap_or_default();
        Self {
            peak: peak.unwrap_or(0).max(1),
            end: end.max(Duration::from_secs(1)),
        }
    }

    fn x(&self, at: Duration) -> f64 {
        (MARGIN + (WIDTH - 2.0 * MARGIN) * at.div_duration_f64(self.end)).floor()
    }

    /// Above the foot of the row.
    fn y(&self, live: u32) -> f64 {
        -PLOT * f64::from(live) / f64::from(self.peak)
    }
}

fn draw(
    svg: &mut String,
    title: &str,
    outcomes: &[(&str, &Outcome)],
    scale: &Scale,
) -> std::fmt::Result {
    let feet: Vec<f64> = (1_u32..)
        .zip(outcomes)
        .map(|(row, _)| MARGIN + ROW * f64::from(row))
        .collect();
    let bottom = feet.last().copied().unwrap_or(MARGIN);
    let height = bottom + MARGIN;
    let right = WIDTH - MARGIN;
    let title = escape(title);
    writeln!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<title>{title}</title><rect width="100%" height="100%" fill="#fff"/><text x="{MARGIN}" y="24" font-size="15">{title}</text>"##
    )?;
    for ((name, outcome), foot) in outcomes.iter().zip(feet) {
        let area = area(&outcome.curve, scale);
        let name = escape(name);
        let (cost, wait) = (outcome.cost_over_work(), outcome.wait(95).as_secs_f64());
        writeln!(
            svg,
            r##"<g transform="translate(0 {foot})"><path d="{area}" fill="#0072B2"/><path d="M{MARGIN} {top}V0H{right}" fill="none" stroke="#666"/>
<text x="{MARGIN}" y="{above}">{name}: cost/work {cost:.2}, p95 wait {wait:.0} s</text>
<text x="{MARGIN}" dx="-6" y="{top}" text-anchor="end">{peak}</text><text x="{MARGIN}" dx="-6" text-anchor="end">0</text></g>"##,
            top = -PLOT,
            above = -PLOT - 8.0,
            peak = scale.peak,
        )?;
    }
    let hours = scale.end.as_secs_f64() / 3_600.0;
    let below = bottom + 20.0;
    writeln!(
        svg,
        r#"<text x="{MARGIN}" y="{below}">0 h</text><text x="{right}" y="{below}" text-anchor="end">{hours:.1} h</text></svg>"#
    )
}

/// The area under a curve as path data: a level is held until the next change, and a pixel shows its highest.
fn area(curve: &[(Duration, u32)], scale: &Scale) -> String {
    let mut path = format!("M{MARGIN} 0");
    let same_pixel =
        |a: &(Duration, u32), b: &(Duration, u32)| scale.x(a.0).total_cmp(&scale.x(b.0)).is_eq();
    for pixel in curve.chunk_by(same_pixel) {
        let highest = pixel.iter().map(|&(_, live)| live).max().unwrap_or(0);
        let (at, last) = pixel[pixel.len() - 1];
        let (x, top, rest) = (scale.x(at), scale.y(highest), scale.y(last));
        write!(path, "H{x}V{top:.1}V{rest:.1}").expect("writing to a string cannot fail");
    }
    path + "V0Z"
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::{Contender, Peer, Workload, World, simulate};

    fn outcome() -> Outcome {
        let jobs = Workload::Sparse.generate(1);
        simulate(&jobs, &World::default(), &Contender::Peer(Peer::all()[0].1))
    }

    #[test]
    fn each_policy_has_a_row_and_a_name() {
        let outcome = outcome();
        let svg = plot_svg("sparse", &[("one", &outcome), ("a<b", &outcome)]);
        assert_eq!(svg.matches("<g ").count(), 2);
        assert!(
            svg.contains(">one: cost/work ") && svg.contains(">a&lt;b: cost/work "),
            "{svg}"
        );
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn an_empty_picture_is_still_one() {
        assert!(plot_svg("nothing", &[]).ends_with("</svg>\n"));
    }

    #[test]
    fn a_curve_is_drawn_as_steps_within_its_row() {
        let at = Duration::from_secs;
        let scale = Scale {
            peak: 2,
            end: at(100),
        };
        let path = area(&[(at(0), 1), (at(50), 2), (at(100), 0)], &scale);
        assert_eq!(
            path,
            "M40 0H40V-30.0V-30.0H480V-60.0V-60.0H920V-0.0V-0.0V0Z"
        );
    }
}
