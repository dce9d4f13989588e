//! Instances over time, as an SVG picture without script or style sheet.
