//! Instances over time, as an SVG picture without script or style sheet.

use std::fmt::Write as _;
use std::time::Duration;

use super::Outcome;

/// The size of the picture in pixels, and the margin that axes and names take.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 360.0;
const MARGIN: f64 = 40.0;

/// Colors told apart also by most people who are color-blind (Okabe and Ito 2008).
const COLORS: [&str; 7] = [
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000",
];

/// Draws the number of instances over time, one line for each named outcome.
pub fn plot_svg(title: &str, outcomes: &[(&str, &Outcome)]) -> String {
    let peak = outcomes
        .iter()
        .map(|(_, outcome)| outcome.peak())
        .max()
        .unwrap_or(0)
        .max(1);
    let end = outcomes
        .iter()
        .filter_map(|(_, outcome)| outcome.curve.last())
        .map(|&(at, _)| at)
        .max()
        .unwrap_or_default()
        .max(Duration::from_secs(1));
    let mut svg = String::new();
    frame(&mut svg, title, peak, end).expect("writing to a string cannot fail");
    let colors = COLORS.iter().cycle();
    for (line, ((name, outcome), color)) in (1_u32..).zip(outcomes.iter().zip(colors)) {
        let path = steps(&outcome.curve, peak, end);
        let y = MARGIN + 16.0 * f64::from(line);
        let name = escape(name);
        write!(
            svg,
            r#"<path d="{path}" fill="none" stroke="{color}" stroke-width="1.5"/><text x="{x}" y="{y}" fill="{color}" text-anchor="end">{name}</text>"#,
            x = WIDTH - MARGIN,
        )
        .expect("writing to a string cannot fail");
    }
    svg + "</svg>\n"
}

/// The picture's head: title, axes and their ends.
fn frame(svg: &mut String, title: &str, peak: u32, end: Duration) -> std::fmt::Result {
    let (left, right, top, bottom) = (MARGIN, WIDTH - MARGIN, MARGIN, HEIGHT - MARGIN);
    let title = escape(title);
    let hours = end.as_secs_f64() / 3_600.0;
    write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
<title>{title}</title><text x="{left}" y="20" font-size="14">{title}</text>
<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="#666"/>
<text x="{left}" y="{top}" dx="-6" text-anchor="end">{peak}</text>
<text x="{left}" y="{bottom}" dx="-6" text-anchor="end">0</text>
<text x="{left}" y="{HEIGHT}" dy="-20">0 h</text>
<text x="{right}" y="{HEIGHT}" dy="-20" text-anchor="end">{hours:.1} h</text>
"##
    )
}

/// A curve as path data: a level is held until the next change. Changes within one pixel are drawn as their highest.
fn steps(curve: &[(Duration, u32)], peak: u32, end: Duration) -> String {
    let x = |at: Duration| (MARGIN + (WIDTH - 2.0 * MARGIN) * at.div_duration_f64(end)).floor();
    let y =
        |live: u32| HEIGHT - MARGIN - (HEIGHT - 2.0 * MARGIN) * f64::from(live) / f64::from(peak);
    let mut path = format!("M{} {}", x(Duration::ZERO), y(0));
    let pixels = curve.chunk_by(|(one, _), (next, _)| x(*one).total_cmp(&x(*next)).is_eq());
    for pixel in pixels {
        let highest = pixel.iter().map(|&(_, live)| live).max().unwrap_or(0);
        let (at, last) = pixel[pixel.len() - 1];
        write!(path, "H{}V{:.1}V{:.1}", x(at), y(highest), y(last))
            .expect("writing to a string cannot fail");
    }
    path
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
    fn each_policy_has_a_line_and_a_name() {
        let outcome = outcome();
        let svg = plot_svg("sparse", &[("one", &outcome), ("a<b", &outcome)]);
        assert_eq!(svg.matches("stroke-width=\"1.5\"").count(), 2);
        assert!(
            svg.contains(">one</text>") && svg.contains(">a&lt;b</text>"),
            "{svg}"
        );
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }

    #[test]
    fn an_empty_picture_is_still_one() {
        let svg = plot_svg("nothing", &[]);
        assert!(svg.ends_with("</svg>\n"));
    }

    #[test]
    fn a_curve_is_drawn_as_steps_within_the_frame() {
        let at = Duration::from_secs;
        let path = steps(&[(at(0), 1), (at(50), 2), (at(100), 0)], 2, at(100));
        assert_eq!(path, "M40 320H40V180.0V180.0H480V40.0V40.0H920V320.0V320.0");
    }
}
